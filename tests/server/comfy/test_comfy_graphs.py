"""What graphs ask for: a table, and what makes one no request."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagine.asking.request import MAX_STEPS, parse
from imagine.server.comfy.classes import KINDS
from imagine.server.comfy.graph import MOST_NODES
from imagine.server.comfy.object_info import object_info
from imagine.server.comfy.refusals import GraphRefused
from imagine.server.comfy.requests import ComfyUsual, comfy_request_from
from imagine.server.comfy.ways import way_of
from imagine.words.errors import BadRequest
from tests.server.comfy.graphs import (
    changed,
    flux_graph,
    hires_graph,
    image_graph,
    node,
    refiner_graph,
    text_graph,
)

PLAIN = {
    "model": "fox.safetensors", "prompt": "a fox", "neg": "", "width": 512, "height": 768, "num_steps": 9,
    "guidance": 3.5, "sampler": "euler a", "schedule": "default", "seed": 7,
}  # fmt: skip
FLOW = ComfyUsual("flow", is_told=True)
SENT = {"photo.png": (320, 240), "in/photo.png": (640, 480), "map.png": (512, 768)}
MASKED = node("SetLatentNoiseMask", samples=["11", 0], mask=["10", 1])
CONTROL = node("ControlNetLoader", control_net_name="canny.safetensors")
LORA = node(
    "LoraLoader", model=["4", 0], clip=["4", 1], lora_name="ink.safetensors", strength_model=0.8, strength_clip=0.8
)
IMAGE = {name: value for name, value in PLAIN.items() if name not in ("width", "height")}


def read(graph, usual=ComfyUsual(), extra=None):  # noqa: B008 - it is frozen
    return comfy_request_from(way_of(graph), SENT.get, usual, extra or {})


TABLE = {
    "text to image": (text_graph(), PLAIN),
    "a text that nobody wrote, as Open WebUI has it": (text_graph(neg=None), PLAIN),
    "several": (text_graph(count=3), PLAIN | {"count": 3}),
    "an embedding": (
        text_graph(text="a fox, embedding:fur, (embedding:oil:1.2)"), PLAIN | {"prompt": "a fox, fur, (oil:1.2)"},
    ),
    "clip skip": (
        changed(text_graph(), n10=node("CLIPSetLastLayer", clip=["4", 1], stop_at_clip_layer=-2),
                n6={"clip": ["10", 0]}, n7={"clip": ["10", 0]}),
        PLAIN | {"clip": 2},
    ),
    "a LoRA": (
        changed(text_graph(), n10=LORA, n3={"model": ["10", 0]}, n6={"clip": ["10", 1]}, n7={"clip": ["10", 1]}),
        PLAIN | {"loras": {"ink": 0.8}},
    ),
    "a LoRA beside the model alone": (
        changed(text_graph(), n10=LORA, n3={"model": ["10", 0]}),
        PLAIN | {"loras": [{"name": "ink", "weight": 0.8, "clip_weight": 0.0}]},
    ),
    "another VAE": (
        changed(text_graph(), n10=node("VAELoader", vae_name="ft.safetensors"), n8={"vae": ["10", 0]}),
        PLAIN | {"vae": "ft"},
    ),
    "half of the steps over a picture": (image_graph(denoise=0.5), IMAGE | {"num_steps": 18, "strength": 0.5}),
    "all of the steps over a picture": (image_graph(), IMAGE | {"strength": 1.0}),
    "a mask": (
        changed(image_graph(), n3={"latent_image": ["12", 0]}, n12=MASKED), IMAGE | {"strength": 1.0},
    ),
    "a scaled picture": (
        changed(image_graph(), n11={"pixels": ["12", 0]},
                n12=node("ImageScaleBy", image=["10", 0], upscale_method="area", scale_by=2)),
        IMAGE | {"width": 640, "height": 480, "resize": "stretch", "strength": 1.0},
    ),
    "latents enlarged in between": (
        hires_graph(), PLAIN | {"hires": {"scale": 1.5, "strength": 0.5, "upscaler": "latent", "steps": 14}},
    ),
    "a second pass of its own words": (
        changed(hires_graph(), n12=node("CLIPTextEncode", clip=["4", 1], text="an owl"), n11={
            "positive": ["12", 0], "cfg": 5, "scheduler": "karras", "sampler_name": "dpmpp_2m", "seed": 7}),
        PLAIN | {"hires": {"scale": 1.5, "strength": 0.5, "upscaler": "latent", "steps": 14, "prompt": "an owl",
                           "guidance": 5.0, "sampler": "dpm++ 2m", "schedule": "karras"}},
    ),
    "latents enlarged to a size": (
        hires_graph(**node("LatentUpscale", samples=["3", 0], upscale_method="bilinear", width=1024, height=1536,
                           crop="disabled")),
        PLAIN | {"hires": {"scale": 2.0, "strength": 0.5, "upscaler": "latent", "steps": 14}},
    ),
    "a picture enlarged behind": (
        changed(text_graph(), n9={"images": ["12", 0]}, n11=node("UpscaleModelLoader", model_name="4x-sharp.pth"),
                n12=node("ImageUpscaleWithModel", upscale_model=["11", 0], image=["8", 0])),
        PLAIN | {"hires": {"scale": 4.0, "strength": 0.0, "upscaler": "4x-sharp"}},
    ),
    "a picture enlarged by a network and made smaller": (
        changed(text_graph(), n9={"images": ["13", 0]}, n11=node("UpscaleModelLoader", model_name="4x-sharp.pth"),
                n12=node("ImageUpscaleWithModel", upscale_model=["11", 0], image=["8", 0]),
                n13=node("ImageScaleBy", image=["12", 0], upscale_method="lanczos", scale_by=0.5)),
        PLAIN | {"hires": {"scale": 2.0, "strength": 0.0, "upscaler": "4x-sharp"}},
    ),
    "base and refiner": (
        refiner_graph(),
        PLAIN | {"num_steps": 25, "guidance": 8.0, "sampler": "euler", "seed": 5, "refiner": "owl.safetensors",
                 "refiner_at": 0.8},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLE)
def test_a_graph_is_the_request_that_it_paints(name):
    graph, expected = TABLE[name]
    assert read(graph).request == parse(expected).request


def test_fluxs_image_to_image_of_files_and_parts():
    asked = read(flux_graph(), FLOW)
    expected = {
        "model": "flux1-dev.safetensors", "text_encoders": ["t5xxl_fp8_e4m3fn", "clip_l"], "vae": "ae",
        "loras": [{"name": "oil", "weight": 0.9, "clip_weight": 0.0}], "prompt": "a fox in oil", "neg": "",
        "guidance": 2.5, "true_cfg": 1.0, "sampler": "euler", "schedule": "simple", "num_steps": 25, "seed": 2**53 + 1,
        "width": 1024, "height": 768, "resize": "crop", "strength": asked.request.strength,
    }  # fmt: skip
    assert asked.request == parse(expected).request
    assert asked.request.strength == pytest.approx(0.8)
    assert [(each.field, each.said.node.id) for each in asked.pictures] == [("img", "32")]
    assert [str(each) for each in asked.warnings] == ["without effect here: UNETLoader.weight_dtype"]


def test_a_model_that_is_told_its_guidance_is_told_the_usual():
    asked = read(text_graph(cfg=1, sampler="euler", scheduler="simple"), FLOW).request
    assert (asked.guidance, asked.true_cfg) == (3.5, 1.0)


@given(st.integers(1, 40), st.floats(0.27, 1), st.sampled_from(["ordinary", "flow"]))
def test_as_many_steps_are_run_as_are_said(steps, denoise, kind):
    from imagine.engine.sampling.sampler import steps_run

    asked = read(image_graph(steps=steps, denoise=denoise), ComfyUsual(kind)).request
    assert steps_run(asked.num_steps, asked.strength, kind) == steps


def test_hardly_any_noise_is_the_least_of_the_most_steps():
    asked = read(image_graph(denoise=5e-324)).request
    assert (asked.num_steps, asked.strength < 1e-4) == (MAX_STEPS, True)


def test_controls_and_masks_name_their_pictures():
    graph = changed(
        image_graph(), n12=CONTROL, n13=node("LoadImage", image="map.png"),
        n14=node("ControlNetApplyAdvanced", positive=["6", 0], negative=["7", 0], control_net=["12", 0],
                 image=["13", 0], strength=0.7, start_percent=0.1, end_percent=0.6),
        n15=node("LoadImageMask", image="photo.png", channel="red"),
        n16=node("VAEEncodeForInpaint", pixels=["10", 0], vae=["4", 2], mask=["15", 0], grow_mask_by=6),
        n3={"positive": ["14", 0], "negative": ["14", 1], "latent_image": ["16", 0]},
    )  # fmt: skip
    asked = read(graph)
    (control,) = asked.request.control
    assert (control.model, control.preprocess, control.strength) == ("canny", "none", 0.7)
    assert (control.start, control.end) == (0.1, 0.6)
    needed = [(each.field, each.said.node.inputs["image"], each.channel) for each in asked.pictures]
    assert needed == [("control.0", "map.png", ""), ("img", "photo.png", ""), ("mask", "photo.png", "red")]


def test_what_has_no_effect_is_named():
    assert [str(each) for each in read(hires_graph()).warnings] == ["without effect here: KSampler 11.seed"]
    shown = changed(hires_graph(), n20=node("VAEDecode", samples=["3", 0], vae=["4", 2]),
                    n21=node("PreviewImage", images=["20", 0]))  # fmt: skip
    assert "PreviewImage 21 shows another picture, and stays empty" in map(str, read(shown).warnings)


def test_a_schedule_that_the_sampler_has_not_there_is_its_own():
    asked = read(text_graph(sampler="dpmpp_2m", scheduler="sgm_uniform", steps=20), FLOW)
    assert (asked.request.sampler, asked.request.schedule) == ("dpm++ 2m", "default")
    assert any("'sgm_uniform'" in str(each) for each in asked.warnings)


def test_fields_of_ours_are_said_beside_a_graph_that_does_not():
    assert read(text_graph(), extra={"fit": "scale", "reproducible": True}).request.fit == "scale"
    with pytest.raises(BadRequest, match="seed is said beside a graph"):
        read(text_graph(), extra={"seed": 1})


OTHER = node("CheckpointLoaderSimple", ckpt_name="owl.safetensors")
SHRUNK = changed(text_graph(), n9={"images": ["s179", 0]}) | {
    f"s{at}": node("ImageScaleBy", image=[f"s{at - 1}" if at else "8", 0], upscale_method="area", scale_by=0.01)
    for at in range(180)
}
REFUSED = {
    "an unknown node": (changed(text_graph(), n9=node("FaceDetailer")), "missing_node_type", "9", "FaceDetailer"),
    "no output": ({"4": OTHER}, "prompt_no_outputs", "", "SaveImage"),
    "no graph": ([], "no_prompt", "", "graph"),
    "no class": ({"1": {}}, "invalid_prompt", "1", "class_type"),
    "a missing input": (text_graph() | {"4": node("CheckpointLoaderSimple")},
                        "required_input_missing", "4", "ckpt_name"),
    "a link to nowhere": (changed(text_graph(), n8={"samples": ["99", 0]}), "bad_linked_input", "8", "samples"),
    "a link of another type": (changed(text_graph(), n8={"samples": ["4", 1]}), "return_type_mismatch", "8", "CLIP"),
    "a circle": (changed(image_graph(), n11={"pixels": ["8", 0]}), "dependency_cycle", "", "made of itself"),
    "more digits than a number has": (text_graph(steps="1" * 400), "invalid_input_type", "3", "steps"),
    "a picture made smaller than a pixel": (SHRUNK, "custom_validation_failed", "s179", "smaller"),
    "no number": (text_graph(steps="many"), "invalid_input_type", "3", "steps"),
    "too small a number": (text_graph(steps=0), "value_smaller_than_min", "3", "at least 1"),
    "too large a number": (text_graph(cfg=101), "value_bigger_than_max", "3", "at most 100"),
    "no such crop": (
        changed(text_graph(), n9={"images": ["12", 0]},
                n12=node("ImageScale", image=["8", 0], upscale_method="area", width=1, height=1, crop="middle")),
        "value_not_in_list", "12", "disabled, center",
    ),
    "part of the steps over nothing": (text_graph(denoise=0.5), "custom_validation_failed", "3", "denoise"),
    "no step at all": (image_graph(denoise=0), "value_smaller_than_min", "3", "no step"),
    "two pictures": (
        changed(hires_graph(), n20=node("VAEDecode", samples=["3", 0], vae=["4", 2]),
                n21=node("SaveImage", images=["20", 0], filename_prefix="a")),
        "custom_validation_failed", "21", "another picture",
    ),
    "nothing painted": (
        {"1": node("LoadImage", image="photo.png"), "2": node("PreviewImage", images=["1", 0])},
        "custom_validation_failed", "2", "POST /upscale",
    ),
    "another model for the second pass": (
        changed(hires_graph(), n12=OTHER, n11={"model": ["12", 0]}), "custom_validation_failed", "11", "another model",
    ),
    "a third pass": (
        changed(hires_graph(), n5=node("LatentUpscaleBy", samples=["12", 0], upscale_method="area", scale_by=2),
                n12=text_graph()["3"] | {"inputs": text_graph()["3"]["inputs"] | {"latent_image": ["13", 0]}},
                n13=text_graph()["5"]),
        "custom_validation_failed", "3", "another pass",
    ),
    "a text encoder of another file": (
        changed(text_graph(), n12=OTHER, n6={"clip": ["12", 1]}, n7={"clip": ["12", 1]}),
        "custom_validation_failed", "6", "another file",
    ),
    "a picture made smaller": (
        changed(text_graph(), n9={"images": ["12", 0]},
                n12=node("ImageScaleBy", image=["8", 0], upscale_method="area", scale_by=0.5)),
        "custom_validation_failed", "12", "smaller",
    ),
    "a picture that was not sent": (
        changed(hires_graph(), n3={"latent_image": ["16", 0]}, n16=node("VAEEncode", pixels=["15", 0], vae=["4", 2]),
                n15=node("LoadImage", image="other.png")),
        "custom_validation_failed", "15", "other.png",
    ),
    "an unfinished pass": (
        changed(refiner_graph(), n8={"samples": ["3", 0]}), "value_smaller_than_min", "3", "last step",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_graph_that_is_no_request_is_refused_by_its_node(name):
    graph, kind, at, words = REFUSED[name]
    with pytest.raises(GraphRefused, match=words) as raised:
        read(graph)
    assert (raised.value.at.kind, raised.value.at.node) == (kind, at) or (at == "" and raised.value.at.kind == kind)


def test_a_denoise_of_hardly_anything_is_a_step():
    for graph in (image_graph(denoise=1e-310), changed(flux_graph(), n17={"denoise": 1e-310})):
        asked = read(graph)
        assert (asked.request.num_steps, 0 < asked.request.strength < 0.001) == (150, True)


def test_too_large_a_graph_is_refused():
    with pytest.raises(GraphRefused, match="at most 100 characters"):
        read(text_graph() | {"x" * 101: OTHER})
    with pytest.raises(GraphRefused, match="nodes of at most"):
        read({str(place): OTHER for place in range(MOST_NODES + 1)})


def test_the_longest_way_that_is_taken_can_be_read():
    chain = {}
    for place in range(MOST_NODES - 8):
        behind = {"model": [f"l{place + 1}", 0], "clip": [f"l{place + 1}", 1]}
        chain[f"l{place}"] = LORA | {"inputs": LORA["inputs"] | behind}
    chain[f"l{MOST_NODES - 8}"] = LORA
    graph = changed(text_graph(), n3={"model": ["l0", 0]}, n6={"clip": ["l0", 1]}, n7={"clip": ["l0", 1]}) | chain
    with pytest.raises(BadRequest, match="at most 8"):
        read(graph)


SOME = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just(["4", 0]), st.just(["3", 0])
)


@given(st.sampled_from([flux_graph, hires_graph, image_graph, refiner_graph, text_graph]), st.data())
def test_whatever_is_wrong_with_a_graph_is_said(made, data):
    graph = made()
    for _ in range(data.draw(st.integers(1, 3))):
        one = data.draw(st.sampled_from(sorted(graph)))
        name = data.draw(st.sampled_from([*sorted(graph[one]["inputs"]), "class_type"]))
        if name == "class_type":
            graph[one]["class_type"] = data.draw(st.sampled_from([*sorted(KINDS), "Nothing"]))
        else:
            graph[one]["inputs"][name] = data.draw(SOME)
    with contextlib.suppress(BadRequest):
        assert read(graph, FLOW).request.model


def test_object_info_tells_every_class_with_its_choices():
    lists = ("checkpoints", "diffusion_models", "unet_gguf", "vae", "text_encoders", "loras", "controlnet",
             "upscale_models", "samplers", "schedulers", "input")  # fmt: skip
    told = object_info({name: [name] for name in lists})
    assert told.keys() == KINDS.keys()
    sampler = told["KSampler"]["input"]["required"]
    assert sampler["sampler_name"] == [["samplers"]]
    assert sampler["seed"] == ["INT", {"min": 0, "max": 2**64 - 1, "default": 0}]
    assert told["LoadImage"]["input"]["required"]["image"] == [["input"], {"image_upload": True}]
    assert told["SaveImage"]["output_node"]

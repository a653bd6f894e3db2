"""Controls asked for: found by name or by what they are for, refused before the queue, recorded, handed on."""

import base64
import hashlib

import pytest

from imagine.words.map_words import map_meant, words_of
from imagine.words.recipe import meta_from_params
from tests.registry import declared
from tests.server.beside import add, add_transformer, asked, controlnet, flux_control, png, sd3_controlnet, union

PHOTO = png()


@pytest.fixture
def home(tmp_path, monkeypatch):
    runs = {"": frozenset({"stable_diffusion"}), "union": frozenset({"sdxl", "stable_diffusion"})}
    monkeypatch.setattr("imagine.server.orders.controls.CONTROLS", runs)
    for name in ("control_v11p_sd15_canny", "control_v11f1p_sd15_depth", "brightness"):
        add(tmp_path, f"controls/{name}", controlnet())
    add(tmp_path, "controls/xl-scribble", controlnet(2048))
    return tmp_path


def said(**control):
    return {"control": [{"model": "canny", "image": PHOTO} | control]}


@pytest.mark.parametrize(
    ("control", "model", "preprocess"),
    [
        ({}, "control_v11p_sd15_canny", "canny"),
        ({"model": "edges"}, "control_v11p_sd15_canny", "canny"),
        ({"model": "Control_v11p_sd15_canny.safetensors", "preprocess": "none"}, "control_v11p_sd15_canny", "none"),
        ({"model": "brightness"}, "brightness", "none"),
        ({"model": "brightness", "preprocess": "canny"}, "brightness", "canny"),
    ],
)
def test_it_is_found_by_name_or_by_what_it_is_for(home, control, model, preprocess):
    ((job, warnings),) = asked(home, said(**control))
    (recorded,), (use,) = job.params.control, job.controls
    assert (recorded.model, recorded.preprocess, warnings) == (model, preprocess, [])
    assert use.component.digest == recorded.digest != ""
    assert hashlib.sha256(use.image).hexdigest() == recorded.image


def test_several_stay_in_their_order_with_what_is_said_of_each(home):
    body = {
        "controlnet": [
            {"model": "canny", "img": PHOTO, "weight": 0.5, "guidance_start": 0.2, "guidance_end": 0.8},
            {"model": "brightness", "image": png((0, 0, 0)), "resize": "fit", "strength": 2},
        ]
    }
    ((job, _),) = asked(home, body)
    told = [(each.model[-5:], each.strength, each.start, each.end, each.resize) for each in job.params.control]
    assert told == [("canny", 0.5, 0.2, 0.8, "crop"), ("tness", 2.0, 0.0, 1.0, "fit")]
    assert [use.image for use in job.controls] == [base64.b64decode(each) for each in (PHOTO, png((0, 0, 0)))]


def test_what_no_file_makes_is_given_as_the_map(home):
    ((job, warnings),) = asked(home, said(model="depth"))
    assert job.params.control[0].preprocess == "none"
    (warning,) = warnings
    assert warning.startswith("control.0.image is taken for the map itself: control.0.preprocess depth needs ")


def test_a_union_is_told_which_map_it_has(home):
    add(home, "controls/union-promax", union())
    answers = asked(
        home,
        said(model="scribble", preprocess="none"),
        said(model="union-promax"),
        said(model="union-promax", type="depth"),
        said(model="union-promax", preprocess="canny"),
    )
    assert [job.params.control[0].type for job, _ in (answers[0], *answers[2:])] == ["scribble", "depth", "canny"]
    status, error = answers[1]
    assert (status, error) == (
        400,
        "control.0.type must say which kind of map it is, since 'union-promax' is for several",
    )


@pytest.mark.parametrize(
    ("control", "status", "error"),
    [
        ({"model": "brightnes"}, 404, "control.0.model 'brightnes' not found; did you mean: brightness?"),
        ({"model": "qqqq"}, 404, "control.0.model 'qqqq' not found; there are: "),
        ({"model": "qqqq"}, 404, "brightness, control_v11f1p_sd15_depth, control_v11p_sd15_canny"),
        (
            {"model": "softedge"},
            404,
            "; control_v11p_sd15_softedge_fp16.safetensors (comfyanonymous",
        ),
        (
            {"image": " HTTPS://example.com/a.png"},
            400,
            "control.0.image is an address, and this server fetches",
        ),
        ({"model": "fox"}, 400, "control.0.model 'fox' is a file of the kind checkpoint"),
        ({"model": "xl-scribble"}, 400, "control.0.model 'xl-scribble' is for sdxl, model 'fox' is stable_diffusion"),
        (
            {"model": "sparse"},
            400,
            "control.0.model 'sparse' is of the kind sparse for stable_diffusion, which can't be used",
        ),
        ({"preprocess": "edges"}, 400, "control.0.preprocess is 'edges'; it must be one of: "),
        ({"preprocess": "pose"}, 404, "pose"),
        ({"options": {"low": 5}}, 400, "control.0.options.low"),
        ({"strength": 2.1}, 400, "control.0.strength is 2.1; it must be a number from 0 to 2"),
        ({"start": 0.8, "end": 0.2}, 400, "control.0.end is 0.2, before its start, 0.8"),
        ({"weight": 1, "strength": 0.5}, 400, "both are the same field"),
        ({"image": "AAAA"}, 400, "control.0.image is not a PNG, JPEG or WebP picture"),
        ({"image": None}, 400, "control.0.image is missing"),
        ({"image": "0" * 64}, 400, "control.0.image"),
        ({"image": png(size=(4097, 1))}, 400, "control.0.image is 4097"),
    ],
)
def test_what_cannot_be_is_refused_before_the_queue(home, control, status, error):
    add(
        home,
        "sparse",
        {"controlnet_cond_embedding.weight": (1, 1), "controlnet_mid_block.weight": (1, 1)}
        | {"down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight": (320, 768)},
    )
    ((got, told),) = asked(home, said(**control))
    assert (got, error in told) == (status, True), told


def test_where_none_goes_with_the_model_what_to_put_there_is_said(tmp_path):
    file = "control_v11p_sd15_canny_fp16.safetensors (comfyanonymous/ControlNet-v1-1_fp16_safetensors)"
    ((status, told),) = asked(tmp_path, said())
    none = (
        "control.0.model 'canny' not found: no file of the kind controlnet is here; put one into the folder of models"
    )
    assert (status, told) == (404, f"{none}, such as {file}")
    add(tmp_path, "xl-canny", controlnet(2048))
    ((status, told),) = asked(tmp_path, said(model="edges"))
    assert (status, told) == (
        404,
        "control.0.model 'edges' not found: what is here goes with other models than stable_diffusion (xl-canny); "
        f"put one for it into the folder of models, such as {file}",
    )


def test_to_a_model_narrower_than_what_is_published_no_published_file_is_recommended(home):
    block = "model.diffusion_model.input_blocks.1.1.transformer_blocks.0"
    declared.write(home / "models/narrow.safetensors", declared.tiny() | {f"{block}.attn2.to_k.weight": (48, 64)})
    ((status, told),) = asked(home, said(model="canny") | {"model": "narrow"})
    assert status == 404
    assert told.startswith("control.0.model 'canny' not found: what is here goes with other models than narrow (")
    assert told.endswith("put one for it into the folder of models")


def test_flux_has_controls_of_its_own(tmp_path):
    add_transformer(tmp_path, "rose", "FluxPipeline", in_channels=64, guidance_embeds=True)
    rose = {"model": "rose"}
    ((status, told),) = asked(tmp_path, said() | rose)
    assert (status, "(Shakker-Labs/FLUX.1-dev-ControlNet-Union-Pro-2.0)" in told) == (404, True)
    for name, file in (
        ("sd-canny", controlnet()), ("FLUX.1-dev-ControlNet-Union-Pro-2.0", flux_control()),
        ("flux-canny-controlnet-v3", flux_control("xlabs")), ("flux-all", flux_control("union")),
    ):  # fmt: skip
        add(tmp_path, f"controls/{name}", file)
    *made, other, foreign, fox = asked(
        tmp_path, said() | rose, said(model="depth", preprocess="none") | rose,
        said(model="FLUX.1-dev-ControlNet-Union-Pro-2.0", type="canny") | rose,
        said(model="flux-all", type="blur", preprocess="none") | rose, said(model="flux-all", type="softedge") | rose,
        said(model="sd-canny") | rose,
        said(model="flux-all", type="canny") | {"model": "fox"},
    )  # fmt: skip
    recorded = [job.params.control[0] for job, _ in made]
    assert [(each.model, each.preprocess, each.type) for each in recorded] == [
        ("flux-canny-controlnet-v3", "canny", ""), ("FLUX.1-dev-ControlNet-Union-Pro-2.0", "none", ""),
        ("FLUX.1-dev-ControlNet-Union-Pro-2.0", "canny", "canny"), ("flux-all", "none", "blur"),
    ]  # fmt: skip
    assert (other[0], "its type is one of canny, tile, depth, blur" in other[1]) == (400, True), other
    assert (foreign[0], "is for stable_diffusion, model 'rose' is flux" in foreign[1]) == (400, True), foreign
    assert (fox[0], "is for flux, model 'fox' is stable_diffusion" in fox[1]) == (400, True), fox


def test_a_model_that_sees_a_map_itself_has_one_and_sees_all_of_it(tmp_path):
    add_transformer(tmp_path, "FLUX.1-Canny-dev", "FluxControlPipeline", in_channels=128, guidance_embeds=True)
    add(tmp_path, "controls/rose-canny", flux_control())
    canny, kept = {"model": "FLUX.1-Canny-dev"}, {"image": PHOTO, "preprocess": "none"}
    ((own, _), (called, _), (again, _), (both, _), *refused) = asked(
        tmp_path, said(model="own") | canny, said() | canny,
        {"control": [{"model": "own", **kept}]} | canny,
        {"control": [{"model": "rose-canny", "strength": 0.5, **kept}, {"model": "own", **kept}]} | canny,
        canny, {"control": [{"model": "own", **kept}] * 2} | canny, said(model="own", strength=0.5) | canny,
        said(model="own", end=0.8) | canny, said(model="own") | {"model": "fox"},
    )  # fmt: skip
    for job, maker in ((own, "canny"), (called, "canny"), (again, "none")):
        (recorded,), (use,) = job.params.control, job.controls
        assert (recorded.model, recorded.digest, recorded.preprocess, use.component) == ("own", "", maker, None)
    assert [each.model for each in both.params.control] == ["rose-canny", "own"]
    assert (own.params.num_steps, own.params.guidance) == (50, 30.0)
    assert refused == [
        (400, "control must have a map for 'FLUX.1-Canny-dev', which draws after one: its model is 'own'"),
        (400, "control: model 'FLUX.1-Canny-dev' draws after one map, and 2 are its own"),
        (400, "control.0.strength can't be 0.5: this model sees its map as a whole, in every step"),
        (400, "control.0.end can't be 0.8: this model sees its map as a whole, in every step"),
        (404, refused[-1][1]),
    ]


def test_a_lora_of_canny_has_a_plain_model_see_a_map(tmp_path):
    add_transformer(tmp_path, "FLUX.1-dev", "FluxPipeline", in_channels=64, guidance_embeds=True)
    first = {"img_in.lora_A.weight": (128, 128), "img_in.lora_B.weight": (3072, 128)}
    inner = "double_blocks.0.img_attn.qkv.lora"
    more = {f"{inner}_A.weight": (128, 3072), f"{inner}_B.weight": (9216, 128)}
    add(tmp_path, "loras/flux1-canny-dev-lora", first | more)
    dev, none = {"model": "FLUX.1-dev"}, {"loras": [{"name": "flux1-canny-dev-lora", "weight": 0}]}
    canny = dev | {"loras": ["flux1-canny-dev-lora"]}
    ((own, _), (called, _), *refused) = asked(
        tmp_path, said(model="own") | canny, said() | canny, canny, said(model="own", strength=0.5) | canny,
        said(model="own") | dev, said(model="own") | dev | none, said(model="flux1-canny-dev-lora") | dev,
    )  # fmt: skip
    for job in (own, called):
        (recorded,), (use,), (lora,) = job.params.control, job.controls, job.adapters
        assert (recorded.model, recorded.preprocess, use.component) == ("own", "canny", None)
        assert lora.name == "flux1-canny-dev-lora"
    assert [code for code, _ in refused] == [400, 400, 404, 404, 400]
    assert "is a LoRA: name it among loras too" in refused[-1][1]
    assert "control must have a map for 'flux1-canny-dev-lora'" in refused[0][1]


def test_units_of_another_program_are_taken_as_they_are(home):
    unit = {
        "enabled": True, "image": {"image": PHOTO, "mask": None}, "module": "canny", "threshold_a": 50.0,
        "threshold_b": 200, "model": "control_v11p_sd15_canny [d14c016b]", "weight": 0.7, "guidance_start": 0.1,
        "guidance_end": 0.9, "resize_mode": "Resize and Fill", "control_mode": "Balanced", "pixel_perfect": True,
        "processor_res": 512, "low_vram": False, "save_detected_map": True, "hr_option": "Both",
    }  # fmt: skip
    ((job, warnings),) = asked(home, {"controlnet": [{"enabled": False}, unit]})
    (recorded,) = job.params.control
    assert (recorded.model, recorded.preprocess, recorded.options) == (
        "control_v11p_sd15_canny", "canny", {"low_threshold": 50.0},
    )  # fmt: skip
    assert (recorded.strength, recorded.start, recorded.end, recorded.resize) == (0.7, 0.1, 0.9, "fit")
    assert warnings == []
    other = unit | {"module": "lineart_coarse", "control_mode": 2, "resize_mode": 1, "image": PHOTO}
    ((job, warnings),) = asked(home, {"control": [other]})
    assert (job.params.control[0].preprocess, job.params.control[0].resize) == ("lineart", "crop")
    assert warnings == [
        "control.0.module is 'lineart_coarse', which isn't here; lineart makes the map in its place",
        "unknown and left out: 'control.0.control_mode'",
    ]
    ((status, told),) = asked(home, {"control": [unit | {"module": "mlsd"}]})
    assert (status, "control.0.preprocess is 'mlsd'; it must be one of" in told) == (400, True)


def test_five_are_too_many(home):
    ((status, told),) = asked(home, {"control": said()["control"] * 5})
    assert status == 400
    assert (
        told
        == "control is a list of 5 entries; it must be a list of at most 4 objects, each with a model and a picture"
    )


def test_a_recipe_names_its_pictures_and_finds_what_was_renamed(home):
    ((first, _),) = asked(home, said() | {"seed": 1})
    meta = meta_from_params(first.params)
    (home / "models/controls/control_v11p_sd15_canny.safetensors").rename(home / "models/controls/kanten.safetensors")
    wish = meta["control"][0]
    (refused, (job, warnings)) = asked(home, meta, meta | {"control": [wish | {"image": PHOTO}]})
    assert (refused[0], "digest" in refused[1]) == (400, True)
    assert (job.params.control[0].model, warnings) == ("kanten", [])
    assert job.params.control[0].image == wish["image"]


def test_a_map_as_it_is_stays_one_when_it_is_asked_for_again(home):
    ((first, _),) = asked(home, said(preprocess="none") | {"seed": 1})
    meta = meta_from_params(first.params)
    ((again, _),) = asked(home, meta | {"control": [meta["control"][0] | {"image": PHOTO}]})
    assert again.params.control == first.params.control
    assert again.params.control[0].preprocess == "none"


def test_names_of_files_tell_what_they_are_for():
    told = {
        name: map_meant(words_of(name))
        for name in (
            "control_v11p_sd15_canny",
            "controlnet/diffusers_xl_depth_full",
            "control_v11p_sd15_openpose",
            "toybox-edges",
            "control_v11p_sd15_softedge",
            "control_v11e_sd15_ip2p",
            "control_v11p_sd15s2_lineart_anime",
            "t2iadapter_seg_sd14v1",
        )
    }
    assert list(told.values()) == ["canny", "depth", "pose", "canny", "softedge", None, "lineart", "segmentation"]


def test_one_for_another_size_of_a_family_is_refused_and_the_published_one_named(tmp_path):
    sizes = {"num_layers": 38, "patch_size": 2, "in_channels": 16}
    add_transformer(tmp_path, "heron", "StableDiffusion3Pipeline", **sizes)
    add(tmp_path, "medium-canny", sd3_controlnet(1536, "transformer_blocks.0.attn.norm_q.weight"))
    add(tmp_path, "sd3-canny", sd3_controlnet(1536))
    asking = {"model": "heron", "width": 64, "height": 64}
    answers = asked(tmp_path, *(said(model=name) | asking for name in ("medium-canny", "sd3-canny", "canny")))
    file = "sd3.5_large_controlnet_canny.safetensors (stabilityai/stable-diffusion-3.5-controlnets)"
    assert answers == [
        (400, "control.0.model 'medium-canny' is for the medium model, 'heron' is large"),
        (400, "control.0.model 'sd3-canny' is for sd3, model 'heron' is sd3.5"),
        (404, "control.0.model 'canny' not found: what is here goes with other models than sd3.5 large (medium-canny, "
         f"sd3-canny); put one for it into the folder of models, such as {file}"),
    ]  # fmt: skip
    add(
        tmp_path, "sd3.5_large_controlnet_canny", sd3_controlnet(2432, "transformer_blocks.0.adaLN_modulation.1.weight")
    )
    ((job, warnings),) = asked(tmp_path, said() | asking)
    assert (job.params.control[0].model, job.params.control[0].preprocess) == ("sd3.5_large_controlnet_canny", "canny")
    assert (job.controls[0].variant, warnings) == ("large", [])

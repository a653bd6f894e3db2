"""Usability: what can't be drawn with says so while listed, what needs more says what, the distilled want little."""

import struct

import msgspec
import pytest
from declared import header_json, open_clip, sd1, sd2, sdxl, tiny, under, unet, vae, write, write_raw

from imagine.families.defaults import sampling_defaults
from imagine.families.stable_diffusion import DISTILLED
from imagine.registry.distilled import distilled_by
from imagine.registry.usable import use_of
from imagine.words.entry import Entry
from imagine.words.errors import UnusableModel
from imagine.words.samplers import find
from tests.registry.listing import listed, only

HIDREAM = {"model.diffusion_model.double_stream_blocks.0.block.adaLN_modulation.1.bias": (18432,)}
LAYERED = under(
    "model.diffusion_model.",
    {
        "txt_norm.weight": (3584,),
        "transformer_blocks.0.img_mod.1.weight": (18432, 3072),
        "time_text_embed.addition_t_embedding.weight": (2, 3072),
    },
)
# Its few tensors that tell: one layer a level, and six blocks in the deepest attention.
KOALA_1B = {name: shape for name, shape in sdxl().items() if ".input_blocks." not in name} | {
    "model.diffusion_model.input_blocks.0.0.weight": (320, 4, 3, 3),
    "model.diffusion_model.input_blocks.4.0.op.weight": (640, 640, 3, 3),
    **{f"model.diffusion_model.input_blocks.5.1.transformer_blocks.{i}.norm1.weight": (1280,) for i in range(6)},
}
FLUX = {"double_blocks.0.img_attn.norm.key_norm.scale": (128,)}
EXTRA = "model.diffusion_model.middle_block.0.in_layers.2"

KREA2 = {"txtfusion.projector.weight": (1, 12)}
ANIMA = {"llm_adapter.blocks.0.cross_attn.q_proj.weight": (1024, 1024), "x_embedder.proj.1.weight": (2048, 68)}


@pytest.mark.parametrize(
    ("shapes", "dtype", "why"),
    [
        (sd1(), "F16", None),
        (sd1(), "F8_E4M3", None),
        (sd1(taken=9), "F16", None),
        (sd1(taken=8), "F16", "it changes a picture as it is told"),
        (sd1(taken=5), "F16", "it takes a depth map"),
        (sd1(taken=6), "F16", "its denoiser takes 6 channels"),
        (FLUX | {"img_in.weight": (3072, 196)}, "F16", "it is Flex.2"),
        (
            sd1() | {"model.diffusion_model.time_embed.cond_proj.weight": (320, 256)},
            "F16",
            "its U-Net takes the guidance",
        ),
        (sdxl() | {"edm_mean": (4,)}, "F16", "it samples by EDM's noise levels"),
        (sdxl() | {"edm_vpred.sigma_max": ()}, "F16", "it samples by EDM's noise levels"),
        (sdxl(depths=(0, 2, 4)), "F16", "it is an SDXL with blocks left out"),
        (sdxl(depths=(0, 2, 2)), "F16", "it is an SDXL with blocks left out"),
        (sdxl(depths=(0, 2, 3)), "F16", None),
        (KOALA_1B, "F16", None),
        (sd1(), "I8", "its weights are quantised (int8)"),
        (sd1(), "U8", "its weights are quantised (uint8)"),
        (sd1() | {f"{EXTRA}.weight_scale_2": ()}, "F8_E4M3", "its weights are quantised (scales of scales)"),
        (sd1() | {f"{EXTRA}.weight.quant_state.bitsandbytes__nf4": (9,)}, "U8", f"its tensor {EXTRA}"),
        (HIDREAM, "F16", "hidream isn't drawn from single files yet"),
        (LAYERED, "F16", "it is Qwen-Image-Layered, which isn't drawn from single files yet"),
        (KREA2, "F16", "krea2 isn't drawn from single files yet; as a diffusers folder it is: krea/Krea-2-Turbo"),
        (ANIMA, "F16", "it is Anima, which isn't drawn here yet, nor has diffusers a pipeline for it"),
        ({"nobody.knows": (3, 3)}, "F16", "its tensors aren't those of any model that is known here"),
    ],
)
def test_what_cannot_be_drawn_with_says_so_while_listed(tmp_path, shapes, dtype, why):
    write(tmp_path / "x.safetensors", shapes, dtype=dtype)
    entry = only(tmp_path)
    assert entry.generates is (why is None)
    assert entry.problem is None if why is None else str(entry.problem).startswith(why)
    if why:
        assert str(use_of(entry)) == f"no: {entry.unusable}"
        with pytest.raises(UnusableModel, match="x"):
            listed(tmp_path).find("x")


@pytest.mark.parametrize(
    ("kind", "variant", "family", "use"),
    [
        ("controlnet", "", "stable_diffusion", "with a model of its family, as a control"),
        ("controlnet", "control-lora", "", "with a model of its family, as a control"),
        ("controlnet", "xs", "sdxl", "no: none of its kind (controlnet xs sdxl) can be applied yet"),
        ("controlnet", "", "flux", "with a model of its family, as a control"),
        ("controlnet", "", "chroma", "no: none of its kind (controlnet chroma) can be applied yet"),
        ("ip-adapter", "plus", "sdxl", "with a model of its family, for references"),
        ("ip-adapter", "instantid", "sdxl", "no: none of its kind (ip-adapter instantid sdxl) can be applied yet"),
        ("image-encoder", "", "clip_vision", "for references, with an image adapter"),
    ],
)
def test_what_is_said_of_controls_and_adapters_is_what_the_engine_runs(kind, variant, family, use):
    entry = Entry(
        name="x", path="/x", format="safetensors", size=1, modified=1.0, kind=kind, variant=variant, family=family
    )
    assert str(use_of(entry)) == use


def without_vae(shapes):
    return {name: shape for name, shape in shapes.items() if not name.startswith("first_stage_model.")}


def test_a_checkpoint_without_a_vae_is_no_model_until_one_lies_beside_it(tmp_path):
    write(tmp_path / "a.safetensors", without_vae(tiny()))
    registry = listed(tmp_path)
    assert [entry.name for entry in registry.models()] == []
    assert str(only(tmp_path).unusable).startswith("it has no VAE")
    assert registry.find("a").needs == ("vae",)  # a request may name one
    write(tmp_path / "a.vae.safetensors", vae())
    write(tmp_path / "b.vae.safetensors", vae())
    registry.refresh()
    assert [(entry.name, entry.vae, entry.needs) for entry in registry.models()] == [("a", "a.vae", ())]
    assert registry.find("a.vae", kind="vae").kind == "vae"
    (tmp_path / "a.vae.safetensors").unlink()
    registry.refresh()
    assert registry.models() == []


def test_only_a_vae_of_its_own_folder_pairs(tmp_path):
    write(tmp_path / "a.safetensors", tiny())
    write(tmp_path / "other" / "a.vae.safetensors", vae())
    write(tmp_path / "b.safetensors", tiny())
    write(tmp_path / "b.vae.safetensors", tiny() | {"x": ()})  # no VAE, whatever its name says
    assert {entry.name: entry.vae for entry in listed(tmp_path).models()}["a"] == ""
    assert {entry.name: entry.vae for entry in listed(tmp_path).models()}["b"] == ""


BIAS = "model.diffusion_model.output_blocks.11.1.transformer_blocks.0.norm1.bias"


def write_sd2(path, numbers, dtype, metadata=None, prefix="model.diffusion_model."):
    """An SD2 checkpoint whose telling bias holds `numbers`, everything else being a hole.

    With another `prefix` than a checkpoint has it is the denoiser alone.
    """
    bias, whole = BIAS.replace("model.diffusion_model.", prefix), sd2()
    if bias != BIAS:
        whole = {n.replace("model.diffusion_model.", prefix): s for n, s in whole.items() if n.startswith("model.")}
    shapes = {bias: (len(numbers),)} | {name: shape for name, shape in whole.items() if name != bias}
    text, size = header_json(shapes, dtypes={bias: dtype}, metadata=metadata)
    write_raw(path, text, size)
    form = {"F16": "e", "F32": "f", "BF16": "f"}[dtype]
    data = struct.pack(f"<{len(numbers)}{form}", *numbers)
    if dtype == "BF16":
        data = b"".join(data[i + 2 : i + 4] for i in range(0, len(data), 4))
    with path.open("r+b") as file:
        file.seek(8 + len(text))
        file.write(data)


@pytest.mark.parametrize("dtype", ["F16", "F32", "BF16"])
@pytest.mark.parametrize(
    ("numbers", "prediction", "source", "resolution"),
    [
        ([0.5, -0.5] * 160, "v_prediction", "weights", 768),
        ([0.0625, -0.0625] * 160, "epsilon", "weights", 512),
        ([0.0] * 320, "v_prediction", "default", 768),
    ],
)
def test_of_sd2_the_spread_of_one_bias_tells_what_it_predicts(tmp_path, dtype, numbers, prediction, source, resolution):
    write_sd2(tmp_path / "x.safetensors", numbers, dtype)
    entry = only(tmp_path)
    assert (entry.prediction, entry.prediction_source, entry.resolution) == (prediction, source, resolution)


@pytest.mark.parametrize("prefix", ["", "diffusion_model."])
def test_of_sd2s_denoiser_alone_the_same_bias_tells(tmp_path, prefix):
    write_sd2(tmp_path / "x.safetensors", [0.0625, -0.0625] * 160, "F16", prefix=prefix)
    (entry,) = (entry for entry in listed(tmp_path).files() if entry.name == "x")
    assert (entry.kind, entry.prediction, entry.prediction_source) == ("diffusion-model", "epsilon", "weights")


def test_what_is_said_wins_over_the_weights(tmp_path):
    write_sd2(tmp_path / "x.safetensors", [0.5, -0.5] * 160, "F16", {"modelspec.predict_key": "epsilon"})
    assert (only(tmp_path).prediction, only(tmp_path).prediction_source) == ("epsilon", "modelspec.predict_key")


def test_sd_turbos_text_encoder_is_known_under_sdxls_name(tmp_path):
    shapes = under("model.diffusion_model.", unet(context=1024, linear=True)) | under("first_stage_model.", vae())
    write(tmp_path / "x.safetensors", shapes | under("conditioner.embedders.0.model.", open_clip(1024, 2)))
    entry = only(tmp_path)
    assert (entry.kind, entry.family, entry.text_encoders, entry.problem) == ("checkpoint", "sd2", ("clip_h",), None)


@pytest.mark.parametrize(
    ("name", "metadata", "scheduler", "expected"),
    [
        ("sd_xl_turbo_1.0_fp16", {}, {}, "turbo"),
        ("dreamshaperXL_v21TurboDPMSDE", {}, {}, "turbo"),
        ("sdxl_lightning_8step", {}, {}, "lightning:8"),
        ("juggernautXL_v9Rdphoto2Lightning", {}, {}, "lightning"),
        ("Hyper-SDXL-1step-Unet", {}, {}, "hyper:1"),
        ("realisticVisionV51_hyperVAE", {}, {}, ""),
        ("hyperrealism_v3", {}, {}, ""),
        ("photonLCM_v10", {}, {}, "lcm"),
        ("calcmodel", {}, {}, ""),
        ("bigaspDMD2_v2", {}, {}, "dmd2"),
        ("dmd2_sdxl_4step_unet_fp16", {}, {}, "dmd2:4"),
        ("30 steps to heaven", {}, {}, ""),
        ("plain", {"modelspec.title": "My Lightning merge, 4 steps"}, {}, "lightning:4"),
        ("plain", {}, {"_class_name": "LCMScheduler"}, "lcm"),
        ("plain", {}, {"_class_name": "TCDScheduler"}, "tcd"),
        ("plain", {}, {"_class_name": "EulerAncestralDiscreteScheduler", "timestep_spacing": "trailing"}, "turbo"),
        ("plain", {}, {"_class_name": "EulerDiscreteScheduler", "timestep_spacing": "leading"}, ""),
    ],
)
def test_distilled_models_are_told(name, metadata, scheduler, expected):
    assert distilled_by(name, metadata, scheduler) == expected


def entry_of(family, distilled=""):
    return Entry(name="x", path="x", kind="checkpoint", family=family, distilled=distilled)


@pytest.mark.parametrize("how", DISTILLED)
def test_what_a_distilled_model_wants_can_be_run(how):
    for steps in (1, 2, 4, 8):
        wanted = sampling_defaults(entry_of("sdxl", f"{how}:{steps}"))
        assert wanted.num_steps == steps
        find(wanted.sampler, wanted.schedule, wanted.num_steps, "ordinary")


@pytest.mark.parametrize(
    ("family", "distilled", "wanted"),
    [
        ("sdxl", "", (None, None, None, None)),
        ("sdxl", "lightning:8", (8, 1.0, "euler", "sgm uniform")),
        ("z-image", "turbo", (8, 0.0, "euler", None)),
        ("flux", "", (28, 3.5, "euler", None)),
        ("flux", "schnell", (4, 0.0, "euler", None)),
        ("nobody's", "turbo", (None, None, None, None)),
    ],
)
def test_a_family_has_wishes_of_its_own(family, distilled, wanted):
    assert msgspec.structs.astuple(sampling_defaults(entry_of(family, distilled))) == wanted


def test_a_distilled_file_and_folder_are_listed_as_such(tmp_path):
    write(tmp_path / "x-turbo.safetensors", tiny())
    assert only(tmp_path).distilled == "turbo"

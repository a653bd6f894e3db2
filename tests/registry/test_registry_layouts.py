"""Every published Flux, Chroma, Qwen-Image and Stable Diffusion 3, in full, in every layout that it comes in: told,
weighed, planned for, and drawn with or refused."""

import json
import math

import pytest
from declared import write
from listing import listed
from published import (
    FLUX2_DEV,
    KLEIN_4B,
    KLEIN_9B,
    PILE_T5,
    QWEN3_4B,
    QWEN3_8B,
    SD3_MEDIUM,
    SD35_LARGE,
    SD35_MEDIUM,
    auraflow,
    chroma,
    clip_g,
    clip_l,
    deep_vae,
    flux,
    flux2,
    flux2_vae,
    frame_vae,
    gemma2,
    in_one_file,
    lumina2,
    mistral3,
    pixart,
    qwen3,
    qwen25,
    qwen_image,
    sana,
    sd3,
    t5,
    vae,
    vae16,
)
from test_registry_formats import write_gguf

from imagine.registry.memory_needed import memory_of
from imagine.words.frames import Room

torch = pytest.importorskip("torch")

from test_registry_published_classes import (  # noqa: E402 - needs torch
    from_auraflow,
    from_chroma,
    from_flux,
    from_flux2,
    from_lumina2,
    from_pixart,
    from_sana,
    from_sd3,
)

from imagine.engine.parts.qwen import MISTRAL_ASKED  # noqa: E402

DUAL = {"qk_norm": "rms_norm", "dual_attention_layers": list(range(13))}


def _of_width(context):
    return {"joint_attention_dim": context, "in_channels": 128}


MODELS = {
    "flux1-dev": ("flux", "dev", flux(), "FluxPipeline", {"guidance_embeds": True}),
    "flux1-krea-dev": ("flux", "krea", flux(), "FluxPipeline", {"guidance_embeds": True}),
    "flux1-kontext-dev": ("flux", "kontext", flux(), "FluxKontextPipeline", {"guidance_embeds": True}),
    "flux1-schnell": ("flux", "schnell", flux(guidance=False), "FluxPipeline", {"guidance_embeds": False}),
    "flux1-fill-dev": ("flux", "fill", flux(taken=384), "FluxFillPipeline", {"in_channels": 384}),
    "flux1-depth-dev": ("flux", "depth", flux(taken=128), "FluxControlPipeline", {"in_channels": 128}),
    "flux-2-klein-4b": ("flux2", "klein-4b", flux2(*KLEIN_4B), "Flux2KleinPipeline", _of_width(7680)),
    "flux-2-klein-9b": ("flux2", "klein-9b", flux2(*KLEIN_9B), "Flux2KleinPipeline", _of_width(12288)),
    "flux-2-klein-base-4b": ("flux2", "klein-base-4b", flux2(*KLEIN_4B), "Flux2KleinPipeline", _of_width(7680)),
    "flux-2-klein-9b-kv": ("flux2", "klein-9b-kv", flux2(*KLEIN_9B), "Flux2KleinKVPipeline", _of_width(12288)),
    "flux2-dev": ("flux2", "dev", flux2(*FLUX2_DEV), "Flux2Pipeline", _of_width(15360)),
    "Chroma1-HD": ("chroma", "", chroma(), "ChromaPipeline", {}),
    "qwen_image_2512": ("qwen-image", "", qwen_image(), "QwenImagePipeline", {}),
    "qwen_image_edit_2509": ("qwen-image", "edit-2509", qwen_image(), "QwenImageEditPlusPipeline", {}),
    "PixArt-Sigma-XL-2-1024-MS": ("pixart", "", pixart(), "PixArtSigmaPipeline",
                                  {"in_channels": 4, "sample_size": 128, "use_additional_conditions": False}),
    "lumina_2_model_bf16": ("lumina2", "", lumina2(), "Lumina2Pipeline", {"in_channels": 16}),
    "Sana_1600M_1024px": ("sana", "", sana(), "SanaPipeline", {"in_channels": 32, "sample_size": 32}),
    "aura_flow_0.3": ("auraflow", "", auraflow(), "AuraFlowPipeline", {"in_channels": 4}),
    "sd3_medium": ("sd3", "", sd3(**SD3_MEDIUM), "StableDiffusion3Pipeline", {"num_layers": 24}),
    "sd3.5_medium": ("sd3.5", "medium", sd3(**SD35_MEDIUM), "StableDiffusion3Pipeline", {"num_layers": 24} | DUAL),
    "sd3.5_large": ("sd3.5", "large", sd3(**SD35_LARGE), "StableDiffusion3Pipeline",
                    {"num_layers": 38, "qk_norm": "rms_norm"}),
    "sd3.5_large_turbo": ("sd3.5", "large", sd3(**SD35_LARGE), "StableDiffusion3Pipeline",
                          {"num_layers": 38, "qk_norm": "rms_norm"}),
}  # fmt: skip
"""Family and variant, the tensors as their makers name them, the pipeline, what its denoiser's configuration says."""
STANDARDISED = {"_class_name": "AutoencoderKLQwenImage", "z_dim": 16, "latents_mean": [0.0] * 16}
REFUSED = {
    "PixArt-XL-2-1024-MS": ("pixart", pixart(words=120)),
    "Chroma1-Radiance": ("chroma", chroma() | {"nerf_final_layer_conv.norm.scale": (64,)}),
}
ENCODERS = {
    "flux": {"clip_l": clip_l(), "t5xxl": t5()},
    "chroma": {"t5xxl": t5()},
    "lumina2": {"gemma2_2b": gemma2()},
    "pixart": {"t5xxl": t5()},
    "sana": {"gemma2_2b": gemma2()},
    "auraflow": {"pile_t5xl": t5(**PILE_T5)},
    "flux2": {"qwen3_4b": qwen3(*QWEN3_4B), "qwen3_8b": qwen3(*QWEN3_8B)},
    "qwen-image": {"qwen25_7b": qwen25()},
    "sd3": {"clip_l": clip_l(), "clip_g": clip_g(), "t5xxl": t5()},
}
ENCODERS["sd3.5"] = ENCODERS["sd3"]
CONVERTERS = {
    "flux": from_flux, "flux2": from_flux2, "chroma": from_chroma, "sd3": from_sd3, "sd3.5": from_sd3,
    "qwen-image": dict, "pixart": from_pixart, "lumina2": from_lumina2,
    "sana": from_sana, "auraflow": from_auraflow,
}  # fmt: skip


def _encoders(name, family):
    """Those that go into one file with the model of that name."""
    if name == "flux2-dev":
        return {"mistral3_24b": mistral3()}
    return {each: of for each, of in ENCODERS[family].items() if family != "flux2" or each[-2:] == name[-2:]}


def alone(path, name, family, shapes):
    write(path / f"{name}.safetensors", shapes, dtype="BF16")


def in_diffusers_names(path, name, family, shapes):
    made = CONVERTERS[family]({each: torch.empty(shape, device="meta") for each, shape in shapes.items()})
    write(path / f"{name}.safetensors", {each: tuple(tensor.shape) for each, tensor in made.items()}, dtype="BF16")


def in_eight_bits(path, name, family, shapes):
    write(path / f"{name}.safetensors", shapes, dtype="BF16", dtypes=_eight(shapes))


def scaled(path, name, family, shapes):
    scales = {each.removesuffix("weight") + "scale_weight": () for each in _eight(shapes)}
    types = _eight(shapes) | dict.fromkeys(scales, "F32") | {"scaled_fp8": "F8_E4M3"}
    write(path / f"{name}.safetensors", shapes | scales | {"scaled_fp8": (2,)}, dtype="BF16", dtypes=types)


def all_in_one(path, name, family, shapes):
    write(path / f"{name}.safetensors", in_one_file(shapes, *_encoders(name, family).items()), dtype="BF16")


def all_in_one_of_eight_bits(path, name, family, shapes):
    whole = in_one_file(shapes, *_encoders(name, family).items())
    write(path / f"{name}.safetensors", whole, dtype="BF16", dtypes=_eight(whole, "model.diffusion_model."))


def as_gguf(path, name, family, shapes):
    architecture = {"chroma": "flux", "auraflow": "aura", "qwen-image": "qwen_image"}.get(
        family, family.partition(".")[0]
    )
    write_gguf(path / f"{name}.gguf", architecture, shapes, kind=8)


def _eight(shapes, beginning=""):
    """The tensors that converters to 8 bits take."""
    matrices = [name for name, shape in shapes.items() if len(shape) == 2 and name.endswith(".weight")]
    return {name: "F8_E4M3" for name in matrices if name.startswith(beginning)}


LAYOUTS = {
    alone: 2.0, in_diffusers_names: 2.0, in_eight_bits: 1.0, scaled: 1.0, all_in_one: 2.0,
    all_in_one_of_eight_bits: 1.0, as_gguf: 34 / 32,
}  # fmt: skip
"""Bytes of a number, of the matrices."""
WAYS = {"flux1-dev": "layers", "Chroma1-HD": "stages", "sd3_medium": "all", "sd3.5_large": "stages",
        "flux-2-klein-9b": "stages", "flux2-dev": "layers"}  # fmt: skip
"""How one of 16 bits is held where 24 GB are free: of fewer bits, all of it lies there."""
HEARD = {"flux-2-klein-9b", "flux-2-klein-9b-kv", "flux2-dev", "qwen_image_2512", "qwen_image_edit_2509"}
"""But for what has a text encoder of 14 GB and more beside it."""


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
def test_what_is_published_is_drawn_from_in_every_layout(tmp_path, layout):
    folder = tmp_path / "diffusion_models"
    folder.mkdir()
    few = LAYOUTS[layout] < 2  # then tables and vectors stay of 16 bits, and so do SANA's convolutions, half of it
    models = {name: row for name, row in MODELS.items() if not few or row[0] != "sana"}
    for name, (family, _, shapes, *_) in models.items():
        layout(folder, name, family, shapes)
    beside = {"qwen_3_4b": qwen3(*QWEN3_4B), "qwen_3_8b": qwen3(*QWEN3_8B), "qwen_2.5_vl_7b": qwen25()}
    beside |= {"mistral_3_small_flux2_bf16": mistral3()}
    beside |= {"gemma_2_2b_fp16": gemma2(), "pile_t5xl": t5(**PILE_T5)}
    for name, shapes in {"clip_l": clip_l(), "clip_g": clip_g(), "t5xxl_fp16": t5(), **beside}.items():
        write(tmp_path / "text_encoders" / f"{name}.safetensors", shapes)
    for name in ("ae", "sd3_vae"):
        write(tmp_path / "vae" / f"{name}.safetensors", vae16(), dtype="BF16")
    write(tmp_path / "vae" / "sdxl_vae.safetensors", vae(4))
    write(tmp_path / "vae" / "flux2-vae.safetensors", flux2_vae())
    write(tmp_path / "vae" / "qwen_image_vae.safetensors", frame_vae())
    write(tmp_path / "vae" / "dc_ae.safetensors", deep_vae(), dtype="BF16")
    entries = {entry.name: entry for entry in listed(tmp_path).models()}
    assert set(entries) == set(models)
    for name, (family, variant, shapes, *_) in models.items():
        entry, numbers = entries[name], sum(map(math.prod, shapes.values()))
        assert (entry.family, entry.variant, entry.problem, entry.generates) == (family, variant, None, True), name
        expected = pytest.approx(LAYOUTS[layout] * numbers, rel=0.1 if few else 0.01)
        assert entry.sizes.denoiser.nbytes(2) == expected, name
        told = memory_of(entry, Room(memory=24 * 10**9, left=0))["works"][0]
        assert 0 < told["minimum"] < 4e9 < told["comfortable"]
        assert told["way"] == ("all" if few and name not in HEARD else WAYS.get(name, told["way"])), name


@pytest.mark.parametrize("layout", [alone, in_eight_bits, as_gguf], ids=lambda layout: layout.__name__)
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_drawn_is_refused_while_it_is_listed(tmp_path, name, layout):
    family, shapes = REFUSED[name]
    layout(tmp_path, name, family, shapes)
    (entry,) = listed(tmp_path).files()
    assert entry.family == family
    assert not entry.generates
    assert entry.problem is not None


def test_a_diffusers_folder_of_each_is_drawn_from(tmp_path):
    for name, (family, _, shapes, pipeline, config) in MODELS.items():
        _write_folder(tmp_path / name, family, shapes, pipeline, config)
    dev = tmp_path / "flux2-dev" / "text_encoder" / "model.safetensors"
    write(dev, mistral3(40) | {"lm_head.weight": (131_072, 5120)}, dtype="BF16")  # as it is published
    entries = {entry.name: entry for entry in listed(tmp_path).models()}
    for name, (family, variant, shapes, *_) in MODELS.items():
        entry, numbers = entries[name], sum(map(math.prod, shapes.values()))
        assert (entry.family, entry.variant, entry.problem, entry.generates) == (family, variant, None, True), name
        assert entry.sizes.denoiser.nbytes(2) == pytest.approx(2 * numbers, rel=0.02), name
    heard = {name: of for name, of in mistral3(MISTRAL_ASKED).items() if "." in name}
    assert entries["flux2-dev"].sizes.encoders.floats == sum(map(math.prod, heard.values()))


def _write_folder(path, family, shapes, pipeline, config):
    classes = {
        "flux": "Flux",
        "flux2": "Flux2",
        "chroma": "Chroma",
        "pixart": "PixArt",
        "lumina2": "Lumina2",
        "sana": "Sana",
        "auraflow": "AuraFlow",
        "qwen-image": "QwenImage",
    }
    coders = {
        "flux2": ({"latent_channels": 32}, flux2_vae()),
        **dict.fromkeys(("pixart", "auraflow"), ({"latent_channels": 4}, vae(4))),
        "qwen-image": (STANDARDISED, frame_vae()),
        "sana": ({"_class_name": "AutoencoderDC", "latent_channels": 32}, deep_vae()),
    }
    coder, numbers = coders.get(family, ({"latent_channels": 16}, vae16()))
    parts = {"transformer": shapes, "vae": numbers}
    ends = ("", "_2", "_3")
    parts |= {
        f"text_encoder{end}": each for end, each in zip(ends, _encoders(path.name, family).values(), strict=False)
    }
    for part, each in parts.items():
        write(path / part / "model.safetensors", each, dtype="BF16")
        said = {"_class_name": f"{classes.get(family, 'SD3')}Transformer2DModel", "patch_size": 2} | config
        said = said if part == "transformer" else coder
        (path / part / "config.json").write_text(json.dumps({"in_channels": 16 if "sd" in family else 64} | said))
    index = {part: ["diffusers", "AutoencoderKL"] for part in (*parts, "scheduler")}
    (path / "model_index.json").write_text(
        json.dumps(index | {"_class_name": pipeline, "is_distilled": "base" not in path.name})
    )

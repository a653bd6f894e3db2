"""Published files of Flux, Chroma and SD3 in full: told by header alone, put together, and honest where that fails."""

import math

import msgspec
import pytest
from declared import under, write
from published import (
    SD3_MEDIUM,
    SD35_LARGE,
    SD35_MEDIUM,
    chroma,
    clip_g,
    clip_l,
    flux,
    flux_in_diffusers,
    in_one_file,
    pixart,
    qwen_image,
    sd3,
    t5,
    vae16,
    z_image,
)

from imagine.families.defaults import sampling_defaults
from imagine.families.table import FAMILIES
from imagine.messages import sentence
from imagine.registry.registry import Registry
from imagine.registry.scan import scan_one
from imagine.registry.shown import shown
from imagine.registry.usable import use_of

COMFY = "model.diffusion_model."
MODELS = [
    ("flux1-dev", flux(), "flux", "dev", (28, 3.5)),
    ("flux1-schnell", flux(guidance=False), "flux", "schnell", (4, 0.0)),
    ("flux1-kontext-dev", flux(), "flux", "kontext", (28, 2.5)),
    ("flux1-krea-dev", flux(), "flux", "krea", (28, 4.5)),
    ("flux1-fill-dev", flux(taken=384), "flux", "fill", (50, 30.0)),
    ("flux1-depth-dev", flux(taken=128), "flux", "depth", (30, 10.0)),
    ("flux1-canny-dev", flux(taken=128), "flux", "canny", (50, 30.0)),
    ("Canny or Depth of diffusers", flux_in_diffusers(taken=128), "flux", "canny", (50, 30.0)),
    ("a Flux whose norms are weights", flux(norm="weight"), "flux", "dev", (28, 3.5)),
    ("pruned", flux(double=8, single=12), "flux", "dev", (28, 3.5)),
    ("Flux of diffusers", flux_in_diffusers(), "flux", "dev", (28, 3.5)),
    ("schnell of diffusers", flux_in_diffusers(guidance=False), "flux", "schnell", (4, 0.0)),
    ("Fill of diffusers", flux_in_diffusers(taken=384), "flux", "fill", (50, 30.0)),
    ("Chroma1-HD", chroma(), "chroma", "", (35, 5.0)),
    ("sd3_medium", sd3(**SD3_MEDIUM), "sd3", "", (28, 7.0)),
    ("sd3.5_medium", sd3(**SD35_MEDIUM), "sd3.5", "medium", (40, 4.5)),
    ("sd3.5_large", sd3(**SD35_LARGE), "sd3.5", "large", (28, 3.5)),
    ("sd3.5_large_turbo", sd3(**SD35_LARGE), "sd3.5", "large", (4, 0.0)),
    ("z_image_bf16", z_image(), "z-image", "", (50, 5.0)),
    ("z_image_turbo_bf16", z_image(), "z-image", "", (8, 0.0)),
    ("qwen_image_edit_fp8", qwen_image(), "qwen-image", "edit", (50, 4.0)),
    ("Qwen-Image-Edit-2509-Lightning-4steps", qwen_image(), "qwen-image", "edit-2509", (4, 1.0)),
    ("qwen-image-edit-2511", qwen_image(), "qwen-image", "edit-2511", (50, 4.0)),
    ("turbo of diffusers", z_image(fused=False), "z-image", "", (8, 0.0)),
]


def listed(folder):
    known = Registry([folder])
    known.refresh()
    return {entry.name: entry for entry in known.files()}


@pytest.mark.parametrize("prefix", ["", COMFY, "diffusion_model."])
def test_what_is_published_is_told_by_its_header_alone(tmp_path, prefix):
    for name, shapes, *_ in MODELS:
        write(tmp_path / f"{name}.safetensors", under(prefix, shapes), dtype="BF16")
    entries = listed(tmp_path)
    for name, _, family, variant, wanted in MODELS:
        entry = entries[name]
        assert (entry.kind, entry.family, entry.variant) == ("diffusion-model", family, variant), name
        defaults = sampling_defaults(entry)
        assert (defaults.num_steps, defaults.guidance) == wanted, name
        assert (entry.prediction, entry.resolution, entry.dtype) == ("flow", 1024, "bfloat16"), name


PIXARTS = {
    "PixArt-Sigma-XL-2-1024-MS": (pixart(), "", 1024),
    "a 2048": (pixart(2048), "2k", 2048),
    "PixArt-Sigma-XL-2-512-MS": ({name: of for name, of in pixart().items() if name != "pos_embed"}, "512", 512),
    "PixArt-XL-2-1024-MS": (pixart(words=120), "alpha", 1024),
}


def test_pixarts_are_told_by_their_tables_or_their_names(tmp_path):
    for name, (shapes, *_) in PIXARTS.items():
        write(tmp_path / f"{name}.safetensors", under(COMFY, shapes))
    for name, entry in listed(tmp_path).items():
        assert (entry.family, entry.variant, entry.resolution) == ("pixart", *PIXARTS[name][1:]), name
        assert (entry.prediction, sampling_defaults(entry).guidance) == ("epsilon", 4.5)
        assert (entry.problem is not None) == (entry.variant == "alpha"), name


PARTS = [
    ("t5xxl_fp16", t5(), "text-encoder", "t5-xxl"),
    ("t5 of transformers", t5(twice=False), "text-encoder", "t5-xxl"),
    ("umt5xxl", t5(words=256384), "text-encoder", "umt5-xxl"),
    ("t5-xl", t5(2048, 2048, 5120), "text-encoder", "t5-xl"),
    ("clip_l", clip_l(), "text-encoder", "clip_l"),
    ("clip_g", clip_g(), "text-encoder", "clip_g"),
    ("ae", vae16(), "vae", "flux"),
    ("sd3_vae", vae16(), "vae", "sd3"),
    ("sd3.5-vae-bf16", vae16(), "vae", "sd3"),
    ("stable-diffusion-3.5-large/vae", vae16(), "vae", "sd3"),
    ("sd3/plain", vae16(), "vae", "sd3"),
    ("baked", under("first_stage_model.", vae16()), "vae", "flux"),
    ("sdxl_vae_sd3", clip_l(), "text-encoder", "clip_l"),
]


def test_what_goes_beside_is_told_by_its_header_and_sd3s_vae_by_its_name(tmp_path):
    for name, shapes, *_ in PARTS:
        write(tmp_path / f"{name}.safetensors", shapes)
    entries = {entry.path: entry for entry in listed(tmp_path).values()}
    for name, _, kind, family in PARTS:
        entry = entries[str(tmp_path / f"{name}.safetensors")]
        assert (entry.kind, entry.family, entry.problem) == (kind, family, None), name


WHOLES = [
    ("flux, all in one", in_one_file(flux(), ("clip_l", clip_l()), ("t5xxl", t5())), "checkpoint", ()),
    ("flux with T5 alone", in_one_file(flux(), ("t5xxl", t5())), "diffusion-model", ("text_encoder",)),
    ("sd3.5_large", under(COMFY, sd3(**SD35_LARGE)) | under("first_stage_model.", vae16()), "diffusion-model",
     ("text_encoder", "text_encoder_2", "text_encoder_3")),
    ("sd3_medium_incl_clips", in_one_file(sd3(), ("clip_l", clip_l()), ("clip_g", clip_g())), "checkpoint",
     ("text_encoder_3",)),
    ("sd3_medium_incl_clips_t5xxlfp8", in_one_file(sd3(), ("clip_l", clip_l()), ("clip_g", clip_g()), ("t5xxl", t5())),
     "checkpoint", ()),
]  # fmt: skip


@pytest.mark.parametrize(("name", "shapes", "kind", "missing"), WHOLES)
def test_of_several_in_one_file_what_is_not_there_is_missing(tmp_path, name, shapes, kind, missing):
    write(tmp_path / f"{name}.safetensors", shapes)
    (entry,) = listed(tmp_path).values()
    assert (entry.kind, entry.has_vae, entry.missing) == (kind, True, missing)


def comfys(folder, family_vae, *names):
    """A folder as ComfyUI has it, with what Flux and SD3 need."""
    files = {
        "text_encoders/clip_l": clip_l(), "text_encoders/t5xxl_fp16": t5(), "clip/clip_g": clip_g(),
        f"vae/{family_vae}": vae16(), "vae/sdxl_vae": under("", vae16()) | {"decoder.conv_in.weight": (512, 4, 3, 3)},
        "text_encoders/umt5xxl": t5(words=256384),
    }  # fmt: skip
    for name in names:
        write(folder / f"{name}.safetensors", files[name])


FLUX_FILES = ("text_encoders/clip_l", "text_encoders/t5xxl_fp16", "vae/ae", "vae/sdxl_vae", "text_encoders/umt5xxl")


@pytest.mark.parametrize(
    ("model", "shapes", "vae", "files", "encoders"),
    [
        ("flux1-dev", flux(), "ae", FLUX_FILES, ("clip_l", "t5xxl_fp16")),
        ("Chroma1-HD", chroma(), "ae", FLUX_FILES, ("t5xxl_fp16",)),
        ("sd3.5_large", sd3(**SD35_LARGE), "sd3_vae",
         ("text_encoders/clip_l", "clip/clip_g", "vae/sd3_vae"), ("clip_l", "clip_g")),
        ("sd3.5_medium", sd3(**SD35_MEDIUM), "sd3_vae",
         ("text_encoders/clip_l", "clip/clip_g", "vae/sd3_vae", "text_encoders/t5xxl_fp16"),
         ("clip_l", "clip_g", "t5xxl_fp16")),
    ],
)  # fmt: skip
def test_companions_are_found_by_kind_in_comfyuis_folders(tmp_path, model, shapes, vae, files, encoders):
    write(tmp_path / "diffusion_models" / f"{model}.safetensors", shapes)
    comfys(tmp_path, vae, *files)
    entry = listed(tmp_path)[model]
    assert (entry.encoders, entry.vae, entry.needs, entry.lacks) == (encoders, vae, (), None)


@pytest.mark.parametrize(
    ("shapes", "vae", "files", "says", "missing"),
    [
        (
            flux(), "ae", (),
            "it lacks a text encoder of the kind clip_l (clip_l.safetensors, 246 MB) and a text encoder of the kind "
            "t5-xxl (t5xxl_fp16.safetensors, 9.8 GB) and a VAE (ae.safetensors, 335 MB), and no file among the models "
            "fits",
            ["clip_l.safetensors", "t5xxl_fp16.safetensors", "ae.safetensors"],
        ),
        (
            flux(), "ae", ("text_encoders/clip_l", "text_encoders/umt5xxl", "vae/ae"),
            "it lacks a text encoder of the kind t5-xxl (t5xxl_fp16.safetensors, 9.8 GB), and no file among the models "
            "fits",
            ["t5xxl_fp16.safetensors"],
        ),
        (
            flux(), "sd3_vae", ("text_encoders/clip_l", "text_encoders/t5xxl_fp16", "vae/sd3_vae"),
            "it lacks a VAE (ae.safetensors, 335 MB); of the files among the models these might fit, named as vae: "
            "sd3_vae",
            ["ae.safetensors"],
        ),
        (
            sd3(**SD35_LARGE), "sd3_vae", ("text_encoders/clip_l", "vae/sd3_vae"),
            "it lacks a text encoder of the kind clip_g (clip_g.safetensors, 1.4 GB), and no file among the models "
            "fits",
            ["clip_g.safetensors", "t5xxl_fp16.safetensors"],
        ),
    ],
)  # fmt: skip
def test_what_is_missing_is_named_as_it_is_published(tmp_path, shapes, vae, files, says, missing):
    write(tmp_path / "x.safetensors", shapes)
    comfys(tmp_path, vae, *files)
    entry = listed(tmp_path)["x"]
    assert sentence(entry.lacks) == says
    assert says in sentence(use_of(entry)), "as `list --all` has it"
    told = shown(entry)["missing"]
    assert [need["files"][0]["name"] for need in told] == missing
    assert all(need["files"][0]["size"] > 10**8 for need in told)


def test_a_family_is_drawn_from_its_files_as_soon_as_its_row_says_so(tmp_path, monkeypatch):
    write(tmp_path / "diffusion_models" / "flux1-dev.safetensors", flux())
    comfys(tmp_path, "ae", *FLUX_FILES)
    with monkeypatch.context() as before:
        before.setitem(FAMILIES, "flux", msgspec.structs.replace(FAMILIES["flux"], single_file=False))
        entry = listed(tmp_path)["flux1-dev"]
        assert sentence(entry.problem) == "flux isn't drawn from single files yet; as a diffusers folder it may be"
        assert not entry.generates
    entry = listed(tmp_path)["flux1-dev"]
    assert (entry.problem, entry.generates, entry.composes) == (None, True, True)
    write(tmp_path / "whole.safetensors", in_one_file(flux(), ("clip_l", clip_l()), ("t5xxl", t5())))
    assert listed(tmp_path)["whole"].generates


@pytest.mark.parametrize(
    ("name", "shapes", "shift", "licence"),
    [
        ("flux1-dev", flux(), 3.16, "FLUX.1 [dev] Non-Commercial License"),
        ("flux1-schnell", flux(guidance=False), 1.0, "Apache-2.0"),
        ("sd3.5_large", sd3(**SD35_LARGE), 3.0, "Stability AI Community License"),
    ],
)
def test_licence_and_shift_are_shown(tmp_path, name, shapes, shift, licence):
    write(tmp_path / f"{name}.safetensors", shapes)
    told = shown(listed(tmp_path)[name])
    assert told["shift"] == shift
    assert told["licence"].startswith(licence)
    write(tmp_path / "tuned.safetensors", shapes, metadata={"modelspec.license": "CC0"})
    assert shown(listed(tmp_path)["tuned"])["licence"] == "CC0"


AUDIO = {
    "timestep_features.weight": (128, 1),
    "to_timestep_embed.0.weight": (1536, 256),
    "transformer.project_in.weight": (1536, 64),
}


@pytest.mark.parametrize(
    ("shapes", "family"),
    [
        ({"head.modulation": (1, 2, 5120)}, "wan"),
        ({"blocks.0.attn.qkv_x.weight": (9216, 3072)}, "mochi"),
        ({"genre_embedder.weight": (2560, 768), "speaker_embedder.weight": (2560, 512)}, "ace-step"),
        (AUDIO, "stable-audio"),
    ],
)
def test_what_makes_no_pictures_is_refused_by_name(tmp_path, shapes, family):
    prefix = "model.model." if family == "stable-audio" else COMFY
    write(tmp_path / "x.safetensors", under(prefix, shapes))
    entry = listed(tmp_path)["x"]
    assert entry.family == family
    makes = "sound" if family in ("ace-step", "stable-audio") else "videos"
    assert sentence(entry.problem) == f"it makes {makes} ({family}), and only pictures are made here"


@pytest.mark.parametrize(
    ("family", "variant", "shapes"),
    [
        ("flux", "", flux()), ("flux", "schnell", flux(guidance=False)), ("flux", "fill", flux(taken=384)),
        ("chroma", "", chroma()), ("sd3", "", sd3(**SD3_MEDIUM) | under("vae.", vae16())),
        ("sd3.5", "large", sd3(**SD35_LARGE) | under("vae.", vae16())),
        ("sd3.5", "medium", sd3(**SD35_MEDIUM) | under("vae.", vae16())),
    ],
)  # fmt: skip
def test_published_sizes_are_those_of_the_tensors_and_a_header(family, variant, shapes):
    header = FAMILIES[family].published[variant].size - 2 * sum(math.prod(shape) for shape in shapes.values())
    assert 50 * len(shapes) < header < 250 * len(shapes)


def cut(folder, stem, shapes, count):
    """A file of these tensors in so many pieces, as libraries cut it."""
    names, paths = list(shapes), []
    each = -(-len(names) // count)
    for number in range(count):
        some = {name: shapes[name] for name in names[number * each : (number + 1) * each]}
        paths.append(write(folder / f"{stem}-{number + 1:05d}-of-{count:05d}.safetensors", some, dtype="BF16"))
    return paths


def test_what_is_cut_into_pieces_is_one_file_called_after_its_folder(tmp_path):
    cut(tmp_path / "FLUX.1-schnell" / "transformer", "diffusion_pytorch_model", flux_in_diffusers(guidance=False), 3)
    cut(tmp_path / "FLUX.1-schnell" / "text_encoder_2", "model", t5(twice=False), 2)
    cut(tmp_path, "dev", flux(), 2)
    entries = listed(tmp_path)
    assert {name: (entry.kind, entry.family, entry.variant) for name, entry in entries.items()} == {
        "dev": ("diffusion-model", "flux", "dev"),
        "FLUX.1-schnell": ("diffusion-model", "flux", "schnell"),
        "text_encoder_2": ("text-encoder", "t5-xxl", ""),
    }
    assert entries["text_encoder_2"].problem is None
    assert entries["dev"].encoders == ("text_encoder_2",)
    assert len(entries["dev"].files) == 2
    whole = write(tmp_path / "whole" / "dev.safetensors", flux(), dtype="BF16").stat().st_size
    assert abs(entries["dev"].size - whole) < 1000, "but for a second header"


def test_of_a_piece_that_is_named_by_itself_all_are_read_and_watched(tmp_path):
    paths = cut(tmp_path, "dev", flux(), 2)
    found = scan_one(paths[1])
    assert found.members == tuple(paths)
    assert [stamp.path for stamp in found.files] == [str(path) for path in paths]


def test_a_piece_that_is_missing_is_named(tmp_path):
    cut(tmp_path, "dev", flux(), 3)[1].unlink()
    (entry,) = listed(tmp_path).values()
    assert entry.problem is not None
    assert sentence(entry.problem) == "it is cut into 3 pieces, and 1 is missing: dev-00002-of-00003.safetensors"
    assert not entry.composes


def test_pieces_of_a_gguf_are_refused_together_with_what_joins_them(tmp_path):
    for number in (1, 2):
        (tmp_path / f"dev-Q8_0-{number:05}-of-00002.gguf").write_bytes(b"GGUF")
    ((name, entry),) = listed(tmp_path).items()
    assert (name, sentence(entry.problem)) == (
        "dev-Q8_0",
        "it is cut into 2 pieces; join them: llama-gguf-split --merge dev-Q8_0-00001-of-00002.gguf dev-Q8_0.gguf",
    )


def test_a_denoisers_folder_gives_its_name_up_for_that_of_the_model(tmp_path):
    for place in ("FLUX.1-dev/transformer", "unet/transformer", "mine/unet", "unet"):
        write(tmp_path / place / "diffusion_pytorch_model.safetensors", {"x": (1,)})
    places = {entry.path.removeprefix(f"{tmp_path}/"): name for name, entry in listed(tmp_path).items()}
    assert {place.rpartition("/")[0]: name for place, name in places.items()} == {
        "FLUX.1-dev/transformer": "FLUX.1-dev", "unet/transformer": "transformer", "mine/unet": "mine", "unet": "unet",
    }  # fmt: skip


def test_the_digest_of_pieces_is_that_of_all_of_them(tmp_path):
    small = {"shared.weight": (32, 8), **{f"layer.{each}.weight": (8, 8) for each in range(6)}}
    paths = cut(tmp_path, "small", small, 2)
    known = Registry([tmp_path])
    known.refresh()
    (entry,) = known.files()
    before = known.with_digest(entry).digest
    data = bytearray(paths[1].read_bytes())
    data[-1] ^= 1
    paths[1].write_bytes(data)
    known.refresh()
    (changed,) = known.files()
    assert known.with_digest(changed).digest not in ("", before)

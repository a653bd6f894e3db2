"""Diffusers folders: one model each, told by their index, configs and headers, refused where weights are missing."""

import hashlib
import importlib.util
import json
import math
import os
import re
import sys
from pathlib import Path

import pytest
from declared import FLUX, tiny, write

from imagine.registry import pipelines
from imagine.registry.registry import Registry
from tests.registry.listing import listed, only

INDEX = {
    "_class_name": "StableDiffusionPipeline",
    "_diffusers_version": "0.30.0",
    "requires_safety_checker": False,
    "feature_extractor": ["transformers", "CLIPImageProcessor"],
    "safety_checker": [None, None],
    "scheduler": ["diffusers", "PNDMScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}
FLUX_INDEX = {
    "_class_name": "FluxPipeline",
    "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "text_encoder_2": ["transformers", "T5EncoderModel"],
    "transformer": ["diffusers", "FluxTransformer2DModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}
UNET = {"in_channels": 4, "sample_size": 64, "cross_attention_dim": 768}


def put(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def folder(path, index=None, unet=None, scheduler=None):
    """A diffusers folder of three small components (or four), with 100 parameters each."""
    index = INDEX if index is None else index
    put(path / "model_index.json", index)
    for part in index:
        if part in {"unet", "transformer", "vae"}:
            write(path / part / "diffusion_pytorch_model.safetensors", {"a": (100,)}, dtype="F16")
        elif part.startswith("text_encoder"):
            write(path / part / "model.safetensors", {"a": (100,)}, dtype="F32")
    denoiser = "transformer" if "transformer" in index else "unet"
    put(path / denoiser / "config.json", UNET if unet is None else unet)
    put(path / "vae" / "config.json", {"latent_channels": 4})
    put(path / "scheduler" / "scheduler_config.json", scheduler or {"prediction_type": "epsilon"})
    return path


def test_a_folder_is_one_model(tmp_path):
    path = folder(tmp_path / "dream")
    entry = only(tmp_path)
    assert (entry.name, entry.kind, entry.family, entry.format) == (
        "dream",
        "checkpoint",
        "stable_diffusion",
        "diffusers",
    )
    assert entry.problem is None
    assert entry.path == str(path)
    assert entry.header_digest == hashlib.sha256((path / "model_index.json").read_bytes()).hexdigest()
    assert entry.size == sum(file.stat().st_size for file in path.rglob("*.safetensors"))
    assert (entry.parameters, entry.dtype, entry.resolution) == (300, "float16", 512)
    assert entry.has_vae
    assert (entry.text_encoders, entry.context) == (("text_encoder",), 768)
    assert (entry.prediction, entry.prediction_source) == ("epsilon", "scheduler_config.json")


@pytest.mark.parametrize(
    ("pipeline", "unet", "family", "variant"),
    [
        ("StableDiffusionPipeline", {"cross_attention_dim": 1024, "use_linear_projection": True}, "sd2", ""),
        ("StableDiffusionInpaintPipeline", {}, "stable_diffusion", "inpainting"),
        ("StableDiffusionXLPipeline", {"cross_attention_dim": 2048}, "sdxl", ""),
        ("StableDiffusionXLImg2ImgPipeline", {"cross_attention_dim": 1280}, "sdxl_refiner", ""),
        ("StableDiffusionXLInstructPix2PixPipeline", {}, "sdxl", "instruct-pix2pix"),
        ("StableUnCLIPImg2ImgPipeline", {}, "sd2", "unclip"),
        ("StableDiffusion3Pipeline", {}, "sd3", ""),
        ("StableDiffusion3Pipeline", {"qk_norm": "rms_norm"}, "sd3.5", ""),
        ("StableDiffusion3Pipeline", {"qk_norm": "rms_norm", "num_layers": 38}, "sd3.5", "large"),
        ("StableDiffusion3Pipeline", {"qk_norm": "rms_norm", "dual_attention_layers": [0]}, "sd3.5", "medium"),
        ("StableDiffusion3Pipeline", {"dual_attention_layers": []}, "sd3", ""),
        ("FluxPipeline", {"guidance_embeds": True}, "flux", "dev"),
        ("FluxPipeline", {"guidance_embeds": False}, "flux", "schnell"),
        ("FluxFillPipeline", {"guidance_embeds": True}, "flux", "fill"),
        ("FluxKontextPipeline", {"guidance_embeds": True}, "flux", "kontext"),
        ("FluxControlPipeline", {"guidance_embeds": True}, "flux", "control"),
        ("QwenImagePipeline", {}, "qwen-image", ""),
        ("QwenImageEditPipeline", {}, "qwen-image", "edit"),
        ("QwenImageEditPlusPipeline", {}, "qwen-image", "edit-2509"),
        ("QwenImageEditPlusPipeline", {"zero_cond_t": True}, "qwen-image", "edit-2511"),
        ("ZImagePipeline", {}, "z-image", ""),
        ("PixArtSigmaPipeline", {"sample_size": 128}, "pixart", ""),
        ("PixArtSigmaPipeline", {"sample_size": 256}, "pixart", "2k"),
        ("PixArtAlphaPipeline", {"sample_size": 256}, "pixart", "alpha"),
        ("Flux2Pipeline", {}, "flux2", "dev"),
        ("SomethingNew2Pipeline", {}, "something-new2", ""),
    ],
)
def test_the_family_is_told_by_the_class_and_the_denoiser(tmp_path, pipeline, unet, family, variant):
    folder(tmp_path / "x", INDEX | {"_class_name": pipeline}, unet)
    entry = only(tmp_path)
    assert (entry.family, entry.variant) == (family, variant)


def test_prediction_and_resolution(tmp_path):
    scheduler = {"prediction_type": "v_prediction", "rescale_betas_zero_snr": True}
    folder(tmp_path / "sd2", unet={"use_linear_projection": True, "sample_size": 96}, scheduler=scheduler)
    entry = only(tmp_path)
    assert (entry.family, entry.prediction, entry.zero_snr, entry.resolution) == ("sd2", "v_prediction", True, 768)
    folder(tmp_path / "sd2", FLUX_INDEX, {"in_channels": 64}, {"_class_name": "FlowMatchEulerDiscreteScheduler"})
    entry = only(tmp_path)
    assert (entry.family, entry.prediction, entry.prediction_source, entry.resolution) == (
        "flux",
        "flow",
        "family",
        1024,
    )
    assert entry.text_encoders == ("text_encoder", "text_encoder_2")


def test_inner_files_are_not_listed_and_neighbours_are(tmp_path):
    folder(tmp_path / "sub" / "dream")
    write(tmp_path / "sub" / "other.safetensors", tiny())
    assert [entry.name for entry in listed(tmp_path).files()] == ["dream", "other"]
    assert only(tmp_path / "sub" / "dream").name == "dream"


def test_a_folder_and_a_file_of_one_name(tmp_path):
    folder(tmp_path / "m" / "x")
    write(tmp_path / "m" / "sub" / "x.safetensors", tiny())
    assert [entry.name for entry in listed(tmp_path / "m").files()] == ["sub/x", "x"]


def test_a_variant_is_used_where_the_plain_weights_are_not(tmp_path):
    path = folder(tmp_path / "x")
    (path / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    write(path / "unet" / "diffusion_pytorch_model.fp16.safetensors", {"a": (50,)})
    write(path / "vae" / "diffusion_pytorch_model.fp16.safetensors", {"a": (70,)})
    assert only(tmp_path).parameters == 50 + 100 + 100


def test_shards_are_counted(tmp_path):
    path = folder(tmp_path / "x")
    (path / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    for shard in (1, 2):
        write(path / "unet" / f"diffusion_pytorch_model-{shard:05}-of-00003.safetensors", {f"{shard}": (10,)})
    assert str(only(tmp_path).problem) == "its unet has 2 of 3 shards"
    write(path / "unet" / "diffusion_pytorch_model-00003-of-00003.safetensors", {"3": (10,)})
    assert only(tmp_path).parameters == 230


def unlink_vae(path):
    (path / "vae" / "diffusion_pytorch_model.safetensors").unlink()


def pickled_vae(path):
    unlink_vae(path)
    (path / "vae" / "diffusion_pytorch_model.bin").touch()


def truncated_vae(path):
    os.truncate(path / "vae" / "diffusion_pytorch_model.safetensors", 100)


@pytest.mark.parametrize(
    ("break_", "problem"),
    [
        (unlink_vae, "its vae has no weights"),
        (pickled_vae, "its vae has only pickles, which can run code when opened; convert it to safetensors"),
        (truncated_vae, "its vae/diffusion_pytorch_model.safetensors can't be used: it is truncated"),
        (lambda path: (path / "model_index.json").write_text("{"), "its model_index.json is not a JSON object"),
        (lambda path: (path / "model_index.json").write_text("[1]"), "its model_index.json is not a JSON object"),
        (
            lambda path: (path / "model_index.json").write_text('{"a":' * 100_000),
            "its model_index.json is not a JSON object",
        ),
        (
            lambda path: (path / "model_index.json").write_bytes(b'{"\xff": 1}'),
            "its model_index.json is not a JSON object",
        ),
        (lambda path: (path / "model_index.json").write_text("{}"), "its model_index.json names no pipeline class"),
        (lambda path: put(path / "model_index.json", {"_class_name": "X"}), "its model_index.json names no component"),
        (lambda path: (path / "unet" / "config.json").write_text("no"), "its unet/config.json is not a JSON object"),
        (
            lambda path: (path / "unet" / "config.json").write_text('{"sample_size": 1e999}'),
            "its unet/config.json is not a JSON object",
        ),
        (
            lambda path: (path / "model_index.json").write_text(" " * 5_000_000),
            "its model_index.json can't be used: it is larger than",
        ),
    ],
)
def test_a_broken_folder_is_refused_with_the_reason(tmp_path, break_, problem):
    break_(folder(tmp_path / "x"))
    entry = only(tmp_path)
    assert entry.problem is not None
    assert str(entry.problem).startswith(problem)


def test_fifos_inside_are_not_waited_for(tmp_path):
    path = folder(tmp_path / "x")
    (path / "model_index.json").unlink()
    os.mkfifo(path / "model_index.json")
    assert str(only(tmp_path).problem) == "its model_index.json can't be used: it is not a regular file"


def test_changes_inside_are_seen(tmp_path):
    path = folder(tmp_path / "x")
    registry = Registry([tmp_path], cache=tmp_path / ".cache")
    registry.refresh()
    assert not registry.refresh()
    write(path / "vae" / "diffusion_pytorch_model.safetensors", {"a": (200,)})
    (changed,) = registry.refresh().changed
    assert changed.parameters == 400
    put(path / "scheduler" / "scheduler_config.json", {"prediction_type": "v_prediction"})
    (changed,) = registry.refresh().changed
    assert changed.prediction == "v_prediction"


def test_odd_values_in_configs_are_not_believed(tmp_path):
    folder(tmp_path / "x", unet={"in_channels": "four", "sample_size": -5, "cross_attention_dim": [1]})
    entry = only(tmp_path)
    assert (entry.resolution, entry.problem) == (512, None)


def test_a_lone_component_file_is_what_it_is(tmp_path):
    write(tmp_path / "transformer" / "flux.safetensors", FLUX)
    assert only(tmp_path).kind == "diffusion-model"


@pytest.mark.parametrize(
    ("index", "scheduler", "problem"),
    [
        (
            {"_class_name": "StableDiffusionXLPipeline"},
            {"_class_name": "EDMEulerScheduler"},
            "it samples by EDM's noise levels",
        ),
        ({}, {"_class_name": "FlowMatchEulerDiscreteScheduler"}, "its scheduler is made for 'flow'"),
        ({}, {"use_flow_sigmas": True}, "its scheduler is made for 'flow'"),
        ({"vae": [None, None]}, None, "it has no VAE"),
        ({"_class_name": "SomebodysPipeline"}, None, "its pipeline 'SomebodysPipeline' is not one of diffusers'"),
        ({"unet": ["somebodys_code", "Net"]}, None, "its unet is of 'somebodys_code'"),
        (
            {"_class_name": "KolorsPipeline"},
            None,
            "its pipeline takes Python's package sentencepiece, which isn't there",
        ),
        ({"safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"]}, None, None),
        ({"text_encoder_select_layers": [2, 5, 8]}, None, None),
        ({"text_encoder_select_layers": ["somebodys_code", 5]}, None, "its text_encoder_select_layers is of 'some"),
        ({}, {"lambda_min_clipped": -math.inf}, None),
        ({"image_encoder": ["transformers", "CLIPVisionModelWithProjection"]}, None, None),
    ],
)
def test_what_the_loader_would_refuse_is_refused_while_listed(tmp_path, monkeypatch, index, scheduler, problem):
    monkeypatch.setitem(sys.modules, "sentencepiece", None)  # as where it isn't installed
    folder(tmp_path / "x", INDEX | index, scheduler=scheduler)
    for part in ("safety_checker", "image_encoder"):
        (tmp_path / "x" / part).mkdir()
        (tmp_path / "x" / part / "pytorch_model.bin").write_bytes(b"never opened")
    entry = only(tmp_path)
    assert entry.problem is None if problem is None else str(entry.problem).startswith(problem)
    assert entry.generates is (problem is None)


def test_what_runs_whole_is_not_held_to_what_our_steps_take(tmp_path):
    folder(tmp_path / "x", FLUX_INDEX, scheduler={"use_karras_sigmas": True})
    put(tmp_path / "x" / "vae" / "config.json", {"latent_channels": 16, "latents_mean": [0.0] * 16})
    assert only(tmp_path).generates


def test_latents_that_are_normalised_are_refused_and_so_is_code_in_a_folder(tmp_path):
    folder(tmp_path / "a")
    put(tmp_path / "a" / "vae" / "config.json", {"latent_channels": 4, "latents_mean": [0.0] * 4})
    folder(tmp_path / "b")
    (tmp_path / "b" / "unet" / "net.py").write_text("1")
    assert [str(entry.problem).split(",")[0] for entry in listed(tmp_path).files()] == [
        "its VAE normalises its latents (latents_mean)", "its unet comes with code of its own",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("pipeline", "makes"),
    [("WanPipeline", "videos"), ("AnimateDiffSDXLPipeline", "videos"), ("StableAudioPipeline", "sound")],
)
def test_a_pipeline_that_makes_no_pictures_is_refused_by_name(tmp_path, pipeline, makes):
    folder(tmp_path / "x", INDEX | {"_class_name": pipeline})
    entry = only(tmp_path)
    assert str(entry.problem) == f"it makes {makes} ({pipeline}), and only pictures are made here"
    assert not entry.generates


def test_what_a_pipeline_makes_is_told_as_diffusers_own_sources_have_it():
    """Those return frames, or audios: and whoever does is refused, and nobody else."""
    library = Path(importlib.util.find_spec("diffusers").origin).parent
    named = set(re.findall(r'"(\w+Pipeline)"', (library / "__init__.py").read_text()))
    told = {}
    for path in (library / "pipelines").rglob("pipeline*.py"):
        source = path.read_text(encoding="utf-8")
        makes = "videos" if re.search(r"\(\s*frames=", source) else "sound" if "AudioPipelineOutput(" in source else ""
        told |= dict.fromkeys(re.findall(r"^class (\w+Pipeline)\(", source, re.MULTILINE), makes)
    # The base of all, and those that give frames as pictures.
    exceptions = {"DiffusionPipeline", "TextToVideoZeroPipeline", "TextToVideoZeroSDXLPipeline", "Cosmos3OmniPipeline"}
    for name in sorted(set(told) & named - exceptions):
        problem = pipelines.pipeline_problem(name, Path("x"), {})
        assert (problem.code.removeprefix("unfit.") if problem else "") == told[name], name
    assert len(told) > 200


def test_a_pipeline_that_changes_pictures_needs_one(tmp_path):
    folder(
        tmp_path / "x",
        INDEX | {"_class_name": "StableDiffusionInstructPix2PixPipeline"},
        unet=UNET | {"in_channels": 8},
    )
    assert (only(tmp_path).needs, only(tmp_path).variant, only(tmp_path).problem) == (
        ("img",),
        "instruct-pix2pix",
        None,
    )


def test_a_pipeline_that_shows_pictures_needs_its_image_encoder(tmp_path):
    """Which others that our samplers step have for nothing of ours."""
    for name, problem in (("StableDiffusion", None), ("StableUnCLIPImg2Img", "its image_encoder has no weights")):
        index = INDEX | {"_class_name": f"{name}Pipeline", "image_encoder": ["transformers", "CLIPVisionModel"]}
        folder(tmp_path / name, index)
        (entry,) = (entry for entry in listed(tmp_path).files() if entry.name == name)
        assert (entry.problem and str(entry.problem)) == problem


@pytest.mark.parametrize(
    ("index", "scheduler", "distilled"),
    [
        ({}, {"_class_name": "LCMScheduler"}, "lcm"),
        ({"_class_name": "LatentConsistencyModelPipeline"}, None, "lcm"),
        ({}, {"_class_name": "EulerAncestralDiscreteScheduler", "timestep_spacing": "trailing"}, "turbo"),
        ({"_class_name": "SanaSprintPipeline"}, None, "sprint"),
        ({"_class_name": "Krea2Pipeline", "is_distilled": True}, None, "turbo"),
        ({"_class_name": "Krea2Pipeline", "is_distilled": False}, None, ""),
        ({"_class_name": "Flux2KleinPipeline", "is_distilled": True}, None, ""),
        ({}, None, ""),
    ],
)
def test_a_distilled_folder_is_told_by_its_scheduler_its_pipeline_or_its_index(tmp_path, index, scheduler, distilled):
    folder(tmp_path / "x", INDEX | index, scheduler=scheduler)
    assert only(tmp_path).distilled == distilled


def test_a_pipeline_that_diffusers_did_not_have_may_be_there_after_a_new_start(tmp_path, monkeypatch):
    folder(tmp_path / "models" / "x", INDEX | {"_class_name": "FuturePipeline"})
    for named, problem in ((("FluxPipeline",), "its pipeline 'FuturePipeline'"), (("FuturePipeline",), "")):
        monkeypatch.setattr(pipelines, "_pipelines", lambda named=named: frozenset(named))
        registry = Registry([tmp_path / "models"], cache=tmp_path / "cache")
        registry.refresh()
        assert str(registry.files()[0].problem or "").startswith(problem)
        assert bool(registry.models()) is not bool(problem)

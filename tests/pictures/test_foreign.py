"""Recipes of other programs come over under our names, and what can't is named."""

from __future__ import annotations

import io
import json
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from imagine.messages import sentences
from imagine.pictures.exif import with_comment
from imagine.pictures.foreign.comfyui import recipe_from_comfyui
from imagine.pictures.foreign.programs import recipe_from_parameters, recipe_from_texts
from imagine.pictures.metadata import read_metadata

PICTURE = Image.new("RGB", (16, 16), (200, 30, 40))
SWARM = {
    "sui_image_params": {
        "prompt": "a red fox", "negativeprompt": "blurry", "model": "SDXL/wolf.safetensors", "seed": 2**53 + 1,
        "steps": 20, "cfgscale": 6.5, "aspectratio": "1:1", "width": 1024, "height": 768, "sampler": "dpmpp_2m",
        "scheduler": "karras", "swarm_version": "0.9.7", "loras": ["styles/ink", "pen"], "loraweights": ["0.8"],
    },
    "sui_extra_data": {"date": "2026-11-01"},
}  # fmt: skip
FOOOCUS = {
    "prompt": "a red fox", "negative_prompt": "", "full_prompt": ["cinematic still a red fox", "film grain"],
    "full_negative_prompt": ["anime", "cartoon"], "styles": "['Fooocus Cinematic']", "performance": "Speed",
    "steps": 30, "resolution": "(1152, 896)", "guidance_scale": 4, "sharpness": 2, "base_model": "juggernautXL_v8",
    "refiner_model": "None", "sampler": "dpmpp_2m_sde_gpu", "scheduler": "karras", "seed": "1234567890123456789",
    "clip_skip": 2, "loras": [["sd_xl_offset.safetensors", 0.5, "4852686128"]],
    "metadata_scheme": "fooocus", "version": "Fooocus v2.5.5",
}  # fmt: skip
INVOKE = {
    "generation_mode": "txt2img", "positive_prompt": "a red fox", "negative_prompt": "blurry", "width": 512,
    "height": 768, "seed": 7, "cfg_scale": 7.5, "steps": 30, "scheduler": "dpmpp_2m_k", "clip_skip": 1,
    "model": {"key": "x", "hash": "blake3:1", "name": "dreamshaper-8", "base": "sd-1", "type": "main"},
    "loras": [{"model": {"name": "ink"}, "weight": 0.8}], "app_version": "5.6.0",
}  # fmt: skip
COMFY: dict[str, Any] = {
    "3": {"class_type": "KSampler", "inputs": {
        "seed": 5, "steps": 20, "cfg": 8.0, "sampler_name": "euler_ancestral", "scheduler": "normal", "denoise": 1.0,
        "model": ["10", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0]}},
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sub\\wolf.safetensors"}},
    "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 640, "batch_size": 1}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a red fox", "clip": ["11", 0]}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "blurry", "clip": ["11", 0]}},
    "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
    "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "x", "images": ["8", 0]}},
    "10": {"class_type": "LoraLoader", "inputs": {
        "lora_name": "ink.safetensors", "strength_model": 0.8, "strength_clip": 0.6, "model": ["12", 0],
        "clip": ["4", 1]}},
    "12": {"class_type": "LoraLoaderModelOnly", "inputs": {
        "lora_name": "pen.safetensors", "strength_model": -1, "model": ["4", 0]}},
    "11": {"class_type": "CLIPSetLastLayer", "inputs": {"stop_at_clip_layer": -2, "clip": ["10", 1]}},
}  # fmt: skip


def png(**texts: str) -> bytes:
    info, file = PngImagePlugin.PngInfo(), io.BytesIO()
    for key, text in texts.items():
        info.add_text(key, text)
    PICTURE.save(file, "PNG", pnginfo=info)
    return file.getvalue()


CASES = {
    "SwarmUI": (
        {"parameters": json.dumps(SWARM)},
        {"prompt": "a red fox", "neg": "blurry", "model": "wolf", "seed": 2**53 + 1, "num_steps": 20, "guidance": 6.5,
         "width": 1024, "height": 768, "sampler": "dpm++ 2m", "schedule": "karras",
         "loras": [{"name": "ink", "weight": 0.8}, {"name": "pen", "weight": 1.0}]},
        [],
    ),
    "Fooocus": (
        {"parameters": json.dumps(FOOOCUS), "fooocus_scheme": "fooocus"},
        {"prompt": "cinematic still a red fox, film grain", "neg": "anime, cartoon", "model": "juggernautXL_v8",
         "seed": 1234567890123456789, "num_steps": 30, "guidance": 4.0, "width": 1152, "height": 896, "clip": 2,
         "sampler": "dpm++ 2m sde", "schedule": "karras", "loras": [{"name": "sd_xl_offset", "weight": 0.5}]},
        ["Fooocus says more than can be taken over; left out: sharpness"],
    ),
    "InvokeAI": (
        {"invokeai_metadata": json.dumps(INVOKE)},
        {"prompt": "a red fox", "neg": "blurry", "model": "dreamshaper-8", "seed": 7, "num_steps": 30, "guidance": 7.5,
         "width": 512, "height": 768, "sampler": "dpm++ 2m", "schedule": "karras", "clip": 2,
         "loras": [{"name": "ink", "weight": 0.8}]},
        [],
    ),
    "ComfyUI": (
        {"prompt": json.dumps(COMFY), "workflow": "{}"},
        {"prompt": "a red fox", "neg": "blurry", "model": "wolf", "seed": 5, "num_steps": 20, "guidance": 8.0,
         "width": 512, "height": 640, "sampler": "euler a", "schedule": "default", "clip": 2,
         "loras": [{"name": "pen", "weight": -1.0, "clip_weight": 0.0},
                   {"name": "ink", "weight": 0.8, "clip_weight": 0.6}]},
        [],
    ),
    "none that we know": (
        {"parameters": '{"tool": "x", "text": "a fox"}'},
        {},
        ["the file says how it was made in a form that can't be read here: JSON in 'parameters'"],
    ),
    "one that is only named": (
        {"sd-metadata": "{}", "Dream": "a fox"},
        {},
        ["the file says how it was made in a form that can't be read here: 'sd-metadata', 'Dream'"],
    ),
}  # fmt: skip


FLUX_GRAPH = {
    "1": {"class_type": "UnetLoaderGGUF", "inputs": {"unet_name": "flux1-dev-Q8_0.gguf"}},
    "2": {"class_type": "DualCLIPLoader", "inputs": {"clip_name1": "t5.safetensors", "clip_name2": "clip_l"}},
    "3": {"class_type": "CLIPTextEncode", "inputs": {"text": "a red fox", "clip": ["2", 0]}},
    "4": {"class_type": "FluxGuidance", "inputs": {"guidance": 3.5, "conditioning": ["3", 0]}},
    "5": {"class_type": "CLIPTextEncode", "inputs": {"text": "fog", "clip": ["2", 0]}},
    "6": {"class_type": "EmptySD3LatentImage", "inputs": {"width": 1024, "height": 768}},
    "7": {"class_type": "KSampler", "inputs": {
        "seed": 5, "steps": 20, "cfg": 2.0, "sampler_name": "euler", "scheduler": "simple", "model": ["1", 0],
        "positive": ["4", 0], "negative": ["5", 0], "latent_image": ["6", 0]}},
}  # fmt: skip
TOLD = {
    "ComfyUI": {"prompt": json.dumps(FLUX_GRAPH)},
    "SwarmUI": {"parameters": json.dumps(
        {"sui_image_params": {"prompt": "a red fox", "cfgscale": 2, "fluxguidancescale": 3.5}})},
    "InvokeAI": {"invokeai_metadata": json.dumps({"positive_prompt": "a red fox", "guidance": 3.5, "cfg_scale": 2})},
    "Forge": {"parameters": "a red fox\nSteps: 20, Sampler: Euler, CFG scale: 2, Distilled CFG Scale: 3.5, Seed: 5"},
}  # fmt: skip


@pytest.mark.parametrize("program", TOLD)
def test_both_guidances_of_a_model_that_is_told_one_are_read(program: str) -> None:
    recipe = read_metadata(png(**TOLD[program]))
    assert recipe is not None
    told, second = ("guidance", "true_cfg") if program == "Forge" else ("distilled_cfg_scale", "guidance")
    assert (recipe.meta[told], recipe.meta[second], recipe.warnings) == (3.5, 2.0, [])
    if program == "ComfyUI":
        assert (recipe.meta["model"], recipe.meta["neg"], recipe.meta["width"]) == ("flux1-dev-Q8_0", "fog", 1024)


@pytest.mark.parametrize("program", CASES)
def test_a_recipe_of_another_program_is_read_and_its_rest_named(program: str) -> None:
    texts, meta, warnings = CASES[program]
    recipe = read_metadata(png(**texts))
    assert recipe is not None
    assert (recipe.meta, sentences(recipe.warnings)) == (meta, warnings)


def test_a_jpeg_carries_it_in_its_comment() -> None:
    file = io.BytesIO()
    PICTURE.save(file, "JPEG", exif=b"Exif\0\0" + with_comment(json.dumps(SWARM)))
    recipe = read_metadata(file.getvalue())
    assert recipe is not None
    assert recipe.meta["sampler"] == "dpm++ 2m"


def test_values_that_do_not_fit_are_named() -> None:
    said = SWARM["sui_image_params"] | {"steps": "many", "sampler": "restart", "cfgscale": [7], "seed": -1}
    recipe = recipe_from_parameters(json.dumps({"sui_image_params": said}))
    assert recipe is not None
    assert not {"num_steps", "sampler", "guidance", "seed"} & set(recipe.meta)
    assert [message.field for message in recipe.warnings[:3] if not isinstance(message, str)] == [
        "num_steps", "guidance", "sampler",
    ]  # fmt: skip


def test_of_two_linked_samplers_the_last_is_taken() -> None:
    second = {"class_type": "KSampler", "inputs": COMFY["3"]["inputs"] | {"seed": 6, "latent_image": ["3", 0]}}
    recipe = recipe_from_comfyui({"30": second} | COMFY)
    assert recipe is not None
    assert recipe.meta["seed"] == 6
    assert "KSampler" in sentences(recipe.warnings)[0]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from([*SWARM["sui_image_params"], *FOOOCUS, *INVOKE, "class_type", "inputs", "3", "6"])


@given(st.dictionaries(NAMES, JSON, max_size=12))
def test_nothing_that_a_file_says_raises(said: dict[str, Any]) -> None:
    made = [
        recipe_from_parameters(json.dumps({"sui_image_params": said})),
        recipe_from_parameters(json.dumps(said)),
        recipe_from_texts({"invokeai_metadata": json.dumps(said), "prompt": json.dumps({"3": said})}),
        recipe_from_comfyui({"3": COMFY["3"], "6": {"class_type": "X", "inputs": said}}),
    ]
    for recipe in made:
        assert recipe is None or sentences(recipe.warnings, "ru") is not None


def test_a_graph_in_a_circle_ends() -> None:
    circle = {name: {"class_type": "A", "inputs": {"clip": [other, 0]}} for name, other in (("6", "7"), ("7", "6"))}
    assert recipe_from_comfyui({"3": COMFY["3"]} | circle) is not None


@pytest.mark.parametrize("packed", [False, True])
def test_a_text_that_others_wrote_as_utf8_is_read_as_that(packed: bool) -> None:
    info, file = PngImagePlugin.PngInfo(), io.BytesIO()
    value = "лиса 🦊\nSteps: 5, Seed: 1, Size: 8x8".encode()
    body = b"parameters\0" + (b"\0" + zlib.compress(value) if packed else value)
    info.add(b"zTXt" if packed else b"tEXt", body)
    PICTURE.save(file, "PNG", pnginfo=info)
    recipe = read_metadata(file.getvalue())
    assert recipe is not None
    assert recipe.meta["prompt"] == "лиса 🦊"

"""A picture with controls is plain diffusers' own: its ControlNet, union and T2I-Adapter pipelines."""

import diffusers
import msgspec
import numpy as np
import pytest
import torch
from diffusers.models.controlnets.multicontrolnet import MultiControlNetModel
from PIL import Image

from tests.checkpoints import pipeline_parts
from tests.control_files import (
    controlled,
    tiny_controlnet,
    tiny_t2i,
    tiny_union,
    write_control,
    write_control_lora,
)
from tests.engine.parity import MASK, PHOTO, assert_same, comparable, options
from tests.engine.running import latents_of, model_at, wish

pytestmark = pytest.mark.usefixtures("one_thread")
SIZE = (64, 96)
STEPS = 8
SLOW = pytest.mark.slow  # the same of a larger network
PREDICTION = {"sd2": "v_prediction"}
PIPELINES = {
    ("controlnet", False): diffusers.StableDiffusionControlNetPipeline,
    ("controlnet", True): diffusers.StableDiffusionXLControlNetPipeline,
    ("adapter", False): diffusers.StableDiffusionAdapterPipeline,
    ("adapter", True): diffusers.StableDiffusionXLAdapterPipeline,
    ("union", True): diffusers.StableDiffusionXLControlNetUnionPipeline,
    ("painted", False): diffusers.StableDiffusionControlNetInpaintPipeline,
    ("painted", True): diffusers.StableDiffusionXLControlNetInpaintPipeline,
}


def drawn(seed):
    """A map: a few bright shapes on black."""
    pixels = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    for box in np.random.default_rng(seed).integers(0, 48, (6, 4)):
        pixels[box[0] : box[0] + 16, box[1] : box[1] + 3] = box[2] * 5
    return Image.fromarray(pixels)


FIRST, SECOND = drawn(1), drawn(2)


def theirs(modules, kind, network, **asked):
    """The latents that diffusers' own pipeline ends with."""
    parts = pipeline_parts(modules, prediction=PREDICTION.get(modules.family, "epsilon"))
    parts |= {"adapter" if kind == "adapter" else "controlnet": network}
    made = comparable(PIPELINES[kind, modules.family == "sdxl"](**parts, **options(modules)))
    usual = {"width": SIZE[0], "height": SIZE[1], "num_inference_steps": STEPS, "output_type": "latent"}
    made = made(
        prompt="a red fox", negative_prompt="a dog", guidance_scale=5.0, generator=torch.Generator().manual_seed(1),
        **usual | asked,
    )  # fmt: skip
    return made.images


def ours(path, *controls, **changes):
    usual = {"width": SIZE[0], "height": SIZE[1], "num_steps": STEPS}
    one = wish(model_at(path), neg="a dog", **usual | changes)
    params = msgspec.structs.replace(one.params, control=tuple(said for _, said in controls))
    return latents_of(msgspec.structs.replace(one, params=params, controls=tuple(use for use, _ in controls)))


@pytest.mark.usefixtures("no_chance")
@pytest.mark.parametrize("family", ["stable_diffusion", "sdxl"])
def test_a_map_beside_a_hole_that_is_painted(checkpoints, tmp_path, family):
    path, modules = checkpoints(family)
    network, picture = tiny_controlnet(modules.unet), FIRST.resize((64, 64))
    control = controlled(write_control(tmp_path / "net.safetensors", network), picture, strength=0.8)
    got = ours(path, control, img=PHOTO, mask=MASK, strength=0.75, height=64)
    asked = {"image": PHOTO, "mask_image": MASK, "control_image": picture, "height": 64}
    expected = theirs(modules, "painted", network, **asked, strength=0.75, controlnet_conditioning_scale=0.8)
    without = ours(path, img=PHOTO, mask=MASK, strength=0.75, height=64)
    assert_same(got, expected, without, within=1e-4)  # 1e-7 of the network's weights makes 8e-6


@pytest.mark.parametrize(
    ("family", "layout"),
    [
        ("stable_diffusion", "ldm"), ("sd2", "bare"), pytest.param("sdxl", "folder", marks=SLOW),
        pytest.param("sdxl", "bare", marks=SLOW),
    ],
)  # fmt: skip
def test_a_controlnet(checkpoints, tmp_path, family, layout):
    path, modules = checkpoints(family)
    network = tiny_controlnet(modules.unet)
    file = write_control(tmp_path / "edges.safetensors", network, layout)
    got = ours(path, controlled(file, FIRST, strength=0.8))
    expected = theirs(modules, "controlnet", network, image=FIRST, controlnet_conditioning_scale=0.8)
    assert_same(got, expected, ours(path), within=1e-4)


@pytest.mark.slow
def test_two_controlnets_each_in_its_part_of_the_steps(checkpoints, tmp_path):
    path, modules = checkpoints()
    networks = [tiny_controlnet(modules.unet, seed) for seed in (1, 2)]
    files = [write_control(tmp_path / f"{i}.safetensors", network) for i, network in enumerate(networks)]
    got = ours(
        path, controlled(files[0], FIRST, strength=1.2, end=0.6), controlled(files[1], SECOND, strength=0.5, start=0.25)
    )
    expected = theirs(
        modules, "controlnet", MultiControlNetModel(networks), image=[FIRST, SECOND],
        controlnet_conditioning_scale=[1.2, 0.5], control_guidance_start=[0.0, 0.25], control_guidance_end=[0.6, 1.0],
    )  # fmt: skip
    assert_same(got, expected, ours(path), within=1e-4)


def test_a_union_is_told_the_kind_of_map(checkpoints, tmp_path):
    path, modules = checkpoints("sdxl")
    union = tiny_union(modules.unet)
    file = write_control(tmp_path / "union.safetensors", union)
    got = ours(path, controlled(file, FIRST, strength=0.7, type="canny"))
    asked = {"control_image": [FIRST], "control_mode": [3], "controlnet_conditioning_scale": 0.7}
    expected = theirs(modules, "union", union, **asked)
    assert_same(got, expected, ours(path, controlled(file, FIRST, type="depth")), within=1e-4)


@pytest.mark.parametrize(
    ("family", "how", "layout"),
    [
        ("stable_diffusion", {}, "original"), ("stable_diffusion", {"light": True, "channels": 1}, "original"),
        pytest.param("sdxl", {}, "diffusers", marks=SLOW),
    ],
)  # fmt: skip
def test_a_t2i_adapter(checkpoints, tmp_path, family, how, layout):
    path, modules = checkpoints(family)
    adapter = tiny_t2i(modules.unet, **how)
    file = write_control(tmp_path / "sketch.safetensors", adapter, layout)
    got = ours(path, controlled(file, FIRST, strength=0.8))
    seen = FIRST.convert("L") if how.get("channels") == 1 else FIRST
    expected = theirs(modules, "adapter", adapter, image=seen, adapter_conditioning_scale=0.8)
    assert_same(got, expected, ours(path), within=1e-4)


@pytest.mark.parametrize("family", ["stable_diffusion", pytest.param("sdxl", marks=SLOW)])
def test_a_control_lora_is_the_controlnet_that_its_weights_make(checkpoints, tmp_path, family):
    path, modules = checkpoints(family)
    network = tiny_controlnet(modules.unet)
    file = write_control_lora(tmp_path / "edges.safetensors", modules.unet, network)
    whole = write_control(tmp_path / "whole.safetensors", network)
    assert_same(ours(path, controlled(file, FIRST)), ours(path, controlled(whole, FIRST)), ours(path), within=1e-4)

"""Our latents held to plain diffusers' own: its pipelines made comparable, and how near is near enough."""

import diffusers
import torch
from PIL import Image

from imagine.engine.execution.packing import unpacked

PHOTO = Image.effect_mandelbrot((64, 64), (-2, -1.5, 1, 1.5), 40).convert("RGB")
MASK = Image.new("L", (64, 64), 0)
MASK.paste(255, (16, 8, 48, 40))
STEPS = 4


def comparable(pipe, scheduler=diffusers.EulerDiscreteScheduler):
    """The same pipeline, spacing its steps and cutting its prompts as ours are."""
    config = pipe.scheduler.config
    pipe.scheduler = scheduler.from_config(config, timestep_spacing="linspace", use_karras_sigmas=False)
    pipe.set_progress_bar_config(disable=True)
    for tokenizer in (pipe.tokenizer, getattr(pipe, "tokenizer_2", None)):
        if tokenizer is not None:
            tokenizer.model_max_length = 77
    return pipe


def plain_latents(pipe, **asked):
    """Those that a transformer's pipeline ends with."""
    asked = {"prompt": "a red fox", "num_inference_steps": STEPS, "width": 64, "height": 64, **asked}
    return pipe(generator=torch.Generator("cpu").manual_seed(1), output_type="latent", **asked).images


def unpacked_latents(pipe, *, width=64, height=64, **asked):
    """Likewise, of one whose latents are tokens."""
    return unpacked(plain_latents(pipe, width=width, height=height, **asked), height // 8, width // 8)


def options(modules):
    """What a family's pipelines want said."""
    return {} if "xl" in modules.family else {"requires_safety_checker": False}


def assert_same(got, expected, without=None, *, within=1e-5):
    """A CPU's own kernels decide how float32 is rounded: 1e-6 apart with AVX-512, up to 3e-6 with AVX2.

    `without`: those without what is looked at, which is to make a difference."""
    assert distance(got, expected) < within
    assert float(expected.std()) > 0.05
    if without is not None:
        assert distance(without, expected) > 1e-2, "it does something"


def distance(one, other):
    """As a part of the other's length."""
    return float((one - other).norm() / other.norm())

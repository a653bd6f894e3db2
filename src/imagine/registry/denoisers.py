"""Which family's denoiser a file holds: told by the names of its tensors and the shape of the network."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ..families.table import FAMILIES, facts_of
from .header import TensorInfo
from .signatures import TensorView

LDM_PREFIX = "model.diffusion_model."
PREFIXES = (
    LDM_PREFIX,
    "",
    "diffusion_model.",
    "transformer.",
    "unet.",
    "net.",
    "model.diffusion_model.net.",
    "model.model.",
)
EMA_PREFIX = "model_ema."
_UNETS = (
    ("input_blocks.0.0.weight", "out.2.weight", "input_blocks.0.0.weight"),
    ("conv_in.weight", "conv_out.weight", "up_blocks.0.resnets.0.conv1.weight"),
)
"""The layers that a U-Net begins and ends with, and one between."""


class Denoiser(msgspec.Struct, frozen=True):
    """What denoises. `family` is "" for a network that isn't known; `in_channels` are those of one latent pixel as the
    network takes it; `prefix` is what its tensors' names share.
    """

    family: str
    variant: str
    in_channels: int
    latent_channels: int
    prefix: str


def find_denoiser(tensors: Mapping[str, TensorInfo]) -> Denoiser | None:
    """The denoiser among `tensors`: the live weights where there are some, else their EMA copy, else None."""
    views = [TensorView(tensors, prefix) for prefix in PREFIXES]
    views.append(TensorView(tensors, EMA_PREFIX + "diffusion_model", flat=True))
    return next(filter(None, map(_denoiser, views)), None)


def _denoiser(view: TensorView) -> Denoiser | None:
    unet = _unet(view)
    row = view.first_family((each, each.tells) for each in FAMILIES.values() if each.unet or unet is None)
    if unet is None and row is None:
        return None
    family, variant = (row.family, row.variant) if row else ("", "")
    if unet is None:
        taken = _patch_channels(view)
        return Denoiser(family, variant, taken, facts_of(family).latent_channels or taken, view.prefix)
    variant = variant or _channels_variant(*unet)
    if not variant and view.has("time_embed.cond_proj.weight"):
        variant = "lcm"
    return Denoiser(family, variant, *unet, view.prefix)


def _unet(view: TensorView) -> tuple[int, int] | None:
    """The channels that a U-Net takes and makes, under the original code's names or diffusers'; None for no U-Net."""
    for first, last, beside in _UNETS:
        taken, made = view.shape(first), view.shape(last)
        if len(taken) == len(made) == 4 and view.has(beside):
            return taken[1], made[0]
    return None


def _channels_variant(taken: int, made: int) -> str:
    """What a U-Net is for that takes more channels than it makes: a picture with its mask, a picture, a depth map."""
    purposes = {made: "", 2 * made + 1: "inpainting", 2 * made: "instruct-pix2pix", made + 1: "depth"}
    return purposes.get(taken, f"{taken}-channel")


def _patch_channels(view: TensorView) -> int:
    """Channels of one latent pixel, from the layer that embeds patches (of 2x2 where it is linear); 0: not told."""
    for name in ("x_embedder.proj.weight", "patch_embedding.weight", "pos_embed.proj.weight", "img_in.proj.weight"):
        if len(shape := view.shape(name)) >= 4:
            return shape[1]
    for name in ("img_in.weight", "init_x_linear.weight", "x_embedder.weight"):
        if len(shape := view.shape(name)) == 2:
            return shape[1] // 4
    return 0

"""Chroma in its own layout: Flux's without the layers that modulate, for which one small network speaks to all blocks.

Names as diffusers' converter has them (0.42, Apache-2.0).
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from .flux import DOUBLE, ENDS, SINGLE, common
from .layout import Layout, Taken
from .sizes import Shapes, count_of, size_of

_GUIDE = "distilled_guidance_layer"

LAYOUT = Layout(
    layers={
        **ENDS,
        f"{_GUIDE}.in_proj": (f"{_GUIDE}.in_proj",),
        f"{_GUIDE}.out_proj": (f"{_GUIDE}.out_proj",),
    },
    blocks={
        "double_blocks": ("transformer_blocks", DOUBLE),
        "single_blocks": ("single_transformer_blocks", SINGLE),
        f"{_GUIDE}.layers": (f"{_GUIDE}.layers", {"in_layer": ("linear_1",), "out_layer": ("linear_2",)}),
        f"{_GUIDE}.norms": (f"{_GUIDE}.norms", {"": ("",)}),
    },
)


def taken(shapes: Shapes) -> dict[str, Taken]:
    """Where diffusers' tensors lie in a file of these `shapes`, by their names without a prefix."""
    return LAYOUT.taken(shapes, size_of(shapes, "img_in.weight", 0))


def config(shapes: Shapes) -> dict[str, Any]:
    """Settings of the `ChromaTransformer2DModel` with tensors of these `shapes`, under diffusers' names. Raises
    UnusableModel for what is no such network."""
    return common(shapes) | {
        "out_channels": size_of(shapes, "proj_out.weight", 0),
        "approximator_num_channels": size_of(shapes, f"{_GUIDE}.in_proj.weight", 1),
        "approximator_hidden_dim": size_of(shapes, f"{_GUIDE}.in_proj.weight", 0),
        "approximator_layers": count_of(shapes, f"{_GUIDE}.layers."),
    }


def places(empty: Tensor, device: torch.device) -> Tensor:
    """Of each layer that the small network speaks to, its number as sines and cosines: a table (layers, numbers) that
    lies in no file."""
    half = empty.shape[1] // 2
    waves = torch.exp(-math.log(10_000) * torch.arange(half, dtype=torch.float32) / half)
    angles = (torch.arange(len(empty)) * 1000)[:, None].float() * waves
    return torch.cat([angles.cos(), angles.sin()], -1).to(device)

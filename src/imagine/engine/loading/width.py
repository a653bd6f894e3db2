"""How wide a denoiser is, read before it is loaded: what it is worth to compute in depends on it."""

from __future__ import annotations

import math
from pathlib import Path

from ...messages import message
from ...words.errors import UnusableModel
from ...words.model import Component
from .family_config import UNET
from .folder_file import read_json
from .ldm_keys import with_live_unet
from .part_file import open_weights

_WIDTH = 320
"""Of a denoiser that doesn't tell: as Stable Diffusion's."""


def unet_width(component: Component) -> int:
    """The channels of the first layer of a U-Net, in a file of the original layout or in a folder."""
    if component.format == "diffusers":
        return folder_width(component.path)
    weights, first = with_live_unet(open_weights(component.path)[0]), f"{UNET}input_blocks.0.0.weight"
    if first not in weights.names:
        raise UnusableModel(message("weights.no_unet"))
    return weights.shape(first)[0]


def transformer_width(component: Component, *first: str) -> int:
    """The width of a transformer, in a file where its first layer's weight goes by one of these names, behind any
    prefix, or in a folder."""
    if component.format == "diffusers":
        return folder_width(component.path)
    weights = open_weights(component.path)[0]
    name = next((name for name in weights.names if name.endswith(first)), None)
    return _WIDTH if name is None else weights.shape(name)[0]


def folder_width(path: str) -> int:
    """About the channels of the first layer of a folder's denoiser, whatever its configuration calls them."""
    for part in ("unet", "transformer"):
        config = Path(path) / part / "config.json"
        if config.is_file():
            stated = read_json(config)
            widths = stated.get("block_out_channels") or [stated.get(k) for k in ("hidden_size", "inner_dim", "dim")]
            heads = [stated.get(key) for key in ("num_attention_heads", "attention_head_dim")]
            if all(isinstance(each, int) for each in heads):
                widths = [*widths, math.prod(heads)]
            return next((w for w in widths if isinstance(w, int)), _WIDTH)
    return _WIDTH

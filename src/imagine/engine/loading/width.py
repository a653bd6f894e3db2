"""How wide a denoiser is, read before it is loaded: what it is worth to compute in depends on it."""

from __future__ import annotations

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


def folder_width(path: str) -> int:
    """About the channels of the first layer of a folder's denoiser, whatever its configuration calls them."""
    for part in ("unet", "transformer"):
        config = Path(path) / part / "config.json"
        if config.is_file():
            stated = read_json(config)
            widths = stated.get("block_out_channels") or [stated.get(k) for k in ("hidden_size", "inner_dim", "dim")]
            return next((w for w in widths if isinstance(w, int)), _WIDTH)
    return _WIDTH

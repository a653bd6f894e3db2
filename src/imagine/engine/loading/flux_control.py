"""A control's file beside FLUX.1: diffusers' layout, which most are published in, or the original's with XLabs' names
of what it hasn't (https://github.com/XLabs-AI/x-flux, Apache-2.0)."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from torch.nn import Linear

from ...messages import message
from ...words.errors import UnusableModel
from ..control.flux_control import FluxControl
from ..execution.packing import SIDE
from ..libraries.light import controlnet
from .control_kind import ControlKind, Said
from .maps import flux as layout
from .maps.layout import Taken
from .maps.sizes import Shapes, size_of
from .rows_of import RowsOf
from .transformer_names import shapes_of
from .weights import Weights

_ORIGINAL = "img_in.weight"
_MAP, _THEIR_MAP = "controlnet_x_embedder", "pos_embed_input"
_HINT = "input_hint_block"
_CONVOLUTION = re.compile(rf"{_HINT}\.(\d+)\.(\w+)")
_MODES = "controlnet_mode_embedder.weight"
_HOLE = SIDE**2
"""What one that paints sees of a token beside the map's latents: whether each is kept (alimama's)."""
_BLOCKS = ("transformer_blocks", "single_transformer_blocks")


def told(weights: Weights, denoiser: Any, _said: Said) -> ControlKind:
    """What it is beside a Flux. Raises UnusableModel."""
    named, own = _named(weights), denoiser.config
    shapes = shapes_of(named)
    if "transformer_blocks.0.attn.norm_q.weight" not in shapes or f"{_MAP}.weight" not in shapes:
        raise UnusableModel(message("control.foreign"))
    settings = _settings(shapes)
    width, theirs = (each["num_attention_heads"] * each["attention_head_dim"] for each in (settings, own))
    if width != theirs:
        raise UnusableModel(message("control.width", taken=width, own=theirs))
    tokens, seen = int(own.out_channels or own.in_channels), size_of(shapes, f"{_MAP}.weight", 1)
    if seen != tokens and (seen != tokens + _HOLE or f"{_HINT}.conv_out.weight" in shapes):
        raise UnusableModel(message("control.channels", taken=seen, own=tokens))
    for name in ("joint_attention_dim", "pooled_projection_dim"):
        if settings[name] != own[name]:
            raise UnusableModel(message("weights.context", made=own[name], taken=settings[name]))
    blocks = dict(zip(_BLOCKS, (int(own.num_layers), int(own.num_single_layers)), strict=True))
    more = {"blocks": blocks, "masked": seen != tokens}
    return ControlKind(named, partial(_network, seen), settings, FluxControl, more)


def _network(seen: int, **settings: Any) -> Any:
    """One that sees so many channels of a token of its map: diffusers' class knows of as many as the latents have."""
    module = controlnet("FluxControlNetModel", **settings)
    module.controlnet_x_embedder = Linear(seen, module.inner_dim)
    return module


def _named(weights: Weights) -> Weights:
    """Its tensors under diffusers' names; what isn't known there keeps its own."""
    if _ORIGINAL not in weights.names:
        return weights
    shapes = shapes_of(weights)
    taken = layout.taken(shapes)
    known = {each.name for each in taken.values()}
    last = max((int(match[1]) for name in shapes if (match := _CONVOLUTION.fullmatch(name))), default=0)
    return RowsOf(weights, taken | {_renamed(name, last): Taken(name) for name in shapes if name not in known})


def _renamed(name: str, last: int) -> str:
    """What the original layout hasn't, by diffusers' name; `last` is the number of the last convolution."""
    if match := _CONVOLUTION.fullmatch(name):
        number = int(match[1])
        place = "conv_in" if not number else "conv_out" if number == last else f"blocks.{number // 2 - 1}"
        return f"{_HINT}.{place}.{match[2]}"
    return name.replace(f"{_THEIR_MAP}.", f"{_MAP}.")


def _settings(shapes: Shapes) -> dict[str, Any]:
    settings = layout.control_config(shapes)
    if _MODES in shapes:
        settings["num_mode"] = size_of(shapes, _MODES, 0)
    if (last := f"{_HINT}.conv_out.weight") in shapes:
        settings["conditioning_embedding_channels"] = size_of(shapes, last, 0)
    return settings

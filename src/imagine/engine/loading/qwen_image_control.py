"""A control's file beside Qwen-Image: diffusers' layout, which all are published in."""

from __future__ import annotations

from functools import partial
from typing import Any

from ...messages import message
from ...words.errors import UnusableModel
from ..control.qwen_image_control import QwenImageControl
from ..libraries.light import controlnet
from .control_kind import ControlKind, Said
from .maps import qwen_image as layout
from .transformer_names import shapes_of
from .weights import Weights

_TELLING = {"controlnet_x_embedder.weight", "controlnet_blocks.0.weight", "transformer_blocks.0.attn.norm_q.weight"}
_HOLE = layout.PATCH**2
"""What one that paints sees of a token beside the map's latents: whether each is kept."""


def told(weights: Weights, denoiser: Any, _said: Said) -> ControlKind:
    """What it is beside a Qwen-Image. Raises UnusableModel."""
    if not set(weights.names) >= _TELLING:
        raise UnusableModel(message("control.foreign"))
    settings, own = layout.control_config(shapes_of(weights)), denoiser.config
    width, theirs = (each["num_attention_heads"] * each["attention_head_dim"] for each in (settings, own))
    if width != theirs:
        raise UnusableModel(message("control.width", taken=width, own=theirs))
    seen, more = settings["in_channels"], settings["extra_condition_channels"]
    if seen != own.in_channels or more not in (0, _HOLE):
        raise UnusableModel(message("control.channels", taken=seen + more, own=own.in_channels))
    if settings["joint_attention_dim"] != own.joint_attention_dim:
        heard = settings["joint_attention_dim"]
        raise UnusableModel(message("weights.context", made=own.joint_attention_dim, taken=heard))
    settings["axes_dims_rope"] = tuple(own.axes_dims_rope)
    network = partial(controlnet, "QwenImageControlNetModel")
    return ControlKind(
        weights, network, settings, QwenImageControl, {"blocks": int(own.num_layers), "masked": more > 0}
    )

"""Qwen-Image, whose files everywhere have diffusers' own names (https://github.com/QwenLM/Qwen-Image, Apache-2.0)."""

from __future__ import annotations

from typing import Any

from .layout import Layout, Taken
from .sizes import Shapes, count_of, size_of

PATCH = 2
"""Latents of a token, along a side."""
LAYOUT = Layout(layers={}, blocks={})
_FIRST = "transformer_blocks.0.attn.norm_q.weight"
_OWN = ("img_in.", "txt_in.", "txt_norm.", "time_text_embed.", "transformer_blocks.", "norm_out.", "proj_out.")
_PARAMETERS = (".weight", ".bias")


def taken(shapes: Shapes) -> dict[str, Taken]:
    """Where diffusers' tensors lie in a file of these `shapes`: under their own names, beside marks of its making."""
    return {name: Taken(name) for name in shapes if name.startswith(_OWN) and name.endswith(_PARAMETERS)}


def config(shapes: Shapes) -> dict[str, Any]:
    """Settings of the `QwenImageTransformer2DModel` with tensors of these `shapes`, under diffusers' names. Raises
    UnusableModel for what is no such network."""
    return common(shapes) | {"out_channels": size_of(shapes, "proj_out.weight", 0) // PATCH**2}


def control_config(shapes: Shapes) -> dict[str, Any]:
    """The same of a `QwenImageControlNetModel`."""
    settings = common(shapes)
    more = size_of(shapes, "controlnet_x_embedder.weight", 1) - settings["in_channels"]
    return settings | {"extra_condition_channels": more}


def common(shapes: Shapes) -> dict[str, Any]:
    """What both say. Of a head's numbers some tell which picture a token is of, in which row and in which column: 16,
    56 and 56 of 128, and so for any width."""
    width, head = size_of(shapes, "img_in.weight", 0), size_of(shapes, _FIRST, 0)
    side = head * 7 // 32 * 2
    return {
        "patch_size": PATCH,
        "in_channels": size_of(shapes, "img_in.weight", 1),
        "num_layers": count_of(shapes, "transformer_blocks."),
        "attention_head_dim": head,
        "num_attention_heads": width // head,
        "joint_attention_dim": size_of(shapes, "txt_in.weight", 1),
        "axes_dims_rope": (head - 2 * side, side, side),
    }

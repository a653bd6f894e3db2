"""ControlNets of Stable Diffusion 3.5 in Stability AI's layout (https://github.com/Stability-AI/sd3.5, MIT), and
diffusers' names of it, as its own converter has them (0.42, Apache-2.0)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ....messages import message
from ....words.errors import UnusableModel
from .layout import LayerTable, Layout, Taken
from .sizes import Shapes, count_of, size_of

ORIGINAL = "transformer_blocks.0.adaLN_modulation.1.weight"
PATCHES = "pos_embed_input.proj.weight"
"""What both layouts have: the patches of the map."""
_PLACES = "pos_embed.pos_embed"
_CONTEXT = "context_embedder.weight"
_POOLED = "time_text_embed.text_embedder.linear_1.weight"
_NORMED = "transformer_blocks.0.attn.norm_q.weight"
_BLOCK: LayerTable = {
    "attn.qkv": ("attn.to_q", "attn.to_k", "attn.to_v"),
    "attn.proj": ("attn.to_out.0",),
    "adaLN_modulation.1": ("norm1.linear",),
    "mlp.fc1": ("ff.net.0.proj",),
    "mlp.fc2": ("ff.net.2",),
}
_SAME = (
    "pos_embed_input.proj", "time_text_embed.timestep_embedder.linear_1", "time_text_embed.timestep_embedder.linear_2",
    "time_text_embed.text_embedder.linear_1", "time_text_embed.text_embedder.linear_2",
)  # fmt: skip
LAYOUT = Layout(
    layers={name: (name,) for name in _SAME},
    blocks={
        "transformer_blocks": ("transformer_blocks", _BLOCK),
        "controlnet_blocks": ("controlnet_blocks", {"": ("",)}),
    },
)


def taken(shapes: Shapes) -> dict[str, Taken]:
    """Where diffusers' tensors lie in a file of these `shapes`. What else lies there (the published ones have 40 MB of
    what nothing computes with) is left out, as by diffusers' converter."""
    return LAYOUT.taken(shapes, size_of(shapes, PATCHES, 0))


def config(shapes: Shapes, denoiser: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of the `SD3ControlNetModel` with tensors of these `shapes`, under diffusers' names, beside a transformer
    of those settings. Raises UnusableModel where it was made for one of other sizes."""
    patch, channels = int(denoiser["patch_size"]), int(denoiser["in_channels"])
    head = size_of(shapes, _NORMED, 0) if _NORMED in shapes else int(denoiser["attention_head_dim"])
    blocks, width = count_of(shapes, "transformer_blocks."), size_of(shapes, PATCHES, 0)
    _check(shapes, denoiser, width, blocks)
    more = size_of(shapes, PATCHES, 1) - channels
    if more not in (0, 1):
        raise UnusableModel(message("control.channels", taken=more + channels, own=channels))
    return {
        "patch_size": patch,
        "in_channels": channels,
        "num_layers": blocks,
        "attention_head_dim": head,
        "num_attention_heads": width // head,
        "joint_attention_dim": size_of(shapes, _CONTEXT, 1) if _CONTEXT in shapes else None,
        "caption_projection_dim": width,
        "pooled_projection_dim": size_of(shapes, _POOLED, 1),
        "pos_embed_max_size": math.isqrt(size_of(shapes, _PLACES, 1)) if _PLACES in shapes else None,
        "extra_conditioning_channels": more,
        "dual_attention_layers": tuple(
            number for number in range(blocks) if f"transformer_blocks.{number}.attn2.to_q.weight" in shapes
        ),
        "qk_norm": "rms_norm" if _NORMED in shapes else None,
        "pos_embed_type": "sincos" if _PLACES in shapes else None,
        "use_pos_embed": _PLACES in shapes,
    }


def _check(shapes: Shapes, denoiser: Mapping[str, Any], width: int, blocks: int) -> None:
    """Raises UnusableModel where what a network sees, is told and adds isn't what this denoiser has."""
    own = int(denoiser["num_attention_heads"]) * int(denoiser["attention_head_dim"])
    if width != own:
        raise UnusableModel(message("control.width", taken=width, own=own))
    if blocks > int(denoiser["num_layers"]):
        raise UnusableModel(message("control.blocks", count=blocks, own=int(denoiser["num_layers"])))
    for name, told in ((_CONTEXT, "joint_attention_dim"), (_POOLED, "pooled_projection_dim")):
        if name in shapes and size_of(shapes, name, 1) != denoiser[told]:
            raise UnusableModel(message("control.text", taken=size_of(shapes, name, 1), own=int(denoiser[told])))

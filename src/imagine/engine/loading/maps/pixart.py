"""PixArt-Sigma in its makers' layout (https://github.com/PixArt-alpha/PixArt-sigma), which single files have, and
diffusers' names of it, as its own converter has them (0.42, Apache-2.0)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .layout import LayerTable, Layout, Taken
from .sizes import Shapes, count_of, size_of

_HEADS = 16
"""Of PixArt in every size."""
_SIDE, _SCALE = 128, 2
"""Of the published network for 1024²; those for other sizes count places so that they make the same numbers of them."""
_MODULATED = "scale_shift_table"
_BLOCK: LayerTable = {
    "attn.qkv": ("attn1.to_q", "attn1.to_k", "attn1.to_v"),
    "attn.proj": ("attn1.to_out.0",),
    "cross_attn.q_linear": ("attn2.to_q",),
    "cross_attn.kv_linear": ("attn2.to_k", "attn2.to_v"),
    "cross_attn.proj": ("attn2.to_out.0",),
    "mlp.fc1": ("ff.net.0.proj",),
    "mlp.fc2": ("ff.net.2",),
}
LAYOUT = Layout(
    layers={
        "x_embedder.proj": ("pos_embed.proj",),
        "t_embedder.mlp.0": ("adaln_single.emb.timestep_embedder.linear_1",),
        "t_embedder.mlp.2": ("adaln_single.emb.timestep_embedder.linear_2",),
        "t_block.1": ("adaln_single.linear",),
        "y_embedder.y_proj.fc1": ("caption_projection.linear_1",),
        "y_embedder.y_proj.fc2": ("caption_projection.linear_2",),
        "final_layer.linear": ("proj_out",),
    },
    blocks={"blocks": ("transformer_blocks", _BLOCK)},
)


def tables(shapes: Shapes) -> dict[str, str]:
    """What moves and scales its blocks and its answer, by diffusers' names: parameters of no layer."""
    found = {_MODULATED: f"final_layer.{_MODULATED}"}
    for place in range(count_of(shapes, "blocks.")):
        found[f"transformer_blocks.{place}.{_MODULATED}"] = f"blocks.{place}.{_MODULATED}"
    return found


def taken(shapes: Shapes) -> dict[str, Taken]:
    """Where diffusers' tensors lie in a file of these `shapes`, by their names without a prefix."""
    beside = {ours: Taken(name) for ours, name in tables(shapes).items() if name in shapes}
    return LAYOUT.taken(shapes, size_of(shapes, "x_embedder.proj.weight", 0)) | beside


def config(shapes: Shapes) -> dict[str, Any]:
    """Settings of the `PixArtTransformer2DModel` with tensors of these `shapes`, under diffusers' names. Raises
    UnusableModel for what is no such network."""
    width = size_of(shapes, "pos_embed.proj.weight", 0)
    patch = size_of(shapes, "pos_embed.proj.weight", 2)
    return {
        "num_attention_heads": _HEADS,
        "attention_head_dim": width // _HEADS,
        "in_channels": size_of(shapes, "pos_embed.proj.weight", 1),
        "out_channels": size_of(shapes, "proj_out.weight", 0) // patch**2,
        "num_layers": count_of(shapes, "transformer_blocks."),
        "cross_attention_dim": size_of(shapes, "transformer_blocks.0.attn2.to_k.weight", 1),
        "caption_channels": size_of(shapes, "caption_projection.linear_1.weight", 1),
        "sample_size": _SIDE,
        "patch_size": patch,
        "interpolation_scale": _SCALE,
        "use_additional_conditions": False,
    }


def places(empty: Tensor, device: torch.device) -> Tensor:
    """The table of places that lies in no file: none, (1, 0, width), since the network is to make them for each size
    anew."""
    return empty.new_empty(1, 0, empty.shape[-1], device=device)

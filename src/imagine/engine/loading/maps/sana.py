"""SANA in its makers' layout (https://github.com/NVlabs/Sana, Apache-2.0), and diffusers' names of it, as its own
converter has them (0.42, Apache-2.0)."""

from __future__ import annotations

from typing import Any

from .layout import LayerTable, Layout, Taken
from .sizes import Shapes, count_of, size_of

_HEAD = 32
"""How wide a head of its linear attention is, in every size."""
_CROSS_HEADS = {1152: 16, 2240: 20}
"""By its width, of the 600M and the 1.6B and all that are as wide."""
_NORM = "rms_norm_across_heads"
_TABLE = "scale_shift_table"
_BLOCK: LayerTable = {
    "attn.qkv": ("attn1.to_q", "attn1.to_k", "attn1.to_v"),
    "attn.q_norm": ("attn1.norm_q",),
    "attn.k_norm": ("attn1.norm_k",),
    "attn.proj": ("attn1.to_out.0",),
    "cross_attn.q_linear": ("attn2.to_q",),
    "cross_attn.kv_linear": ("attn2.to_k", "attn2.to_v"),
    "cross_attn.q_norm": ("attn2.norm_q",),
    "cross_attn.k_norm": ("attn2.norm_k",),
    "cross_attn.proj": ("attn2.to_out.0",),
    "mlp.inverted_conv.conv": ("ff.conv_inverted",),
    "mlp.depth_conv.conv": ("ff.conv_depth",),
    "mlp.point_conv.conv": ("ff.conv_point",),
}
LAYOUT = Layout(
    layers={
        "x_embedder.proj": ("patch_embed.proj",),
        "t_embedder.mlp.0": ("time_embed.emb.timestep_embedder.linear_1",),
        "t_embedder.mlp.2": ("time_embed.emb.timestep_embedder.linear_2",),
        "t_block.1": ("time_embed.linear",),
        "y_embedder.y_proj.fc1": ("caption_projection.linear_1",),
        "y_embedder.y_proj.fc2": ("caption_projection.linear_2",),
        "attention_y_norm": ("caption_norm",),
        "final_layer.linear": ("proj_out",),
    },
    blocks={"blocks": ("transformer_blocks", _BLOCK)},
)


def tables(count: int) -> dict[str, str]:
    """What moves and scales its answer and each of its so many blocks, by diffusers' names: parameters of no layer."""
    found = {_TABLE: f"final_layer.{_TABLE}"}
    return found | {f"transformer_blocks.{each}.{_TABLE}": f"blocks.{each}.{_TABLE}" for each in range(count)}


def taken(shapes: Shapes) -> dict[str, Taken]:
    """Where diffusers' tensors lie in a file of these `shapes`, by their names without a prefix."""
    beside = {ours: Taken(name) for ours, name in tables(count_of(shapes, "blocks.")).items() if name in shapes}
    return LAYOUT.taken(shapes, size_of(shapes, "x_embedder.proj.weight", 0)) | beside


def config(shapes: Shapes) -> dict[str, Any]:
    """Settings of the `SanaTransformer2DModel` with tensors of these `shapes`, under diffusers' names. Raises
    UnusableModel for what is no such network."""
    width, patch = (size_of(shapes, "patch_embed.proj.weight", dimension) for dimension in (0, 2))
    cross, first = _CROSS_HEADS.get(width, 1), "transformer_blocks.0"
    return {
        "num_attention_heads": width // _HEAD,
        "attention_head_dim": _HEAD,
        "num_cross_attention_heads": cross,
        "cross_attention_head_dim": width // cross,
        "cross_attention_dim": size_of(shapes, f"{first}.attn2.to_k.weight", 1),
        "in_channels": size_of(shapes, "patch_embed.proj.weight", 1),
        "out_channels": size_of(shapes, "proj_out.weight", 0) // patch**2,
        "num_layers": count_of(shapes, "transformer_blocks."),
        "caption_channels": size_of(shapes, "caption_projection.linear_1.weight", 1),
        "mlp_ratio": (size_of(shapes, f"{first}.ff.conv_point.weight", 1) + 0.5) / width,
        "patch_size": patch,
        "qk_norm": _NORM if f"{first}.attn1.norm_q.weight" in shapes else None,
    }

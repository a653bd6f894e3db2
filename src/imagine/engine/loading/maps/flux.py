"""Flux in Black Forest Labs' layout (https://github.com/black-forest-labs/flux, Apache-2.0), which most files have, and
diffusers' names of it, as its own converter has them (0.42, Apache-2.0)."""

from __future__ import annotations

from typing import Any

from .layout import LayerTable, Layout, Taken
from .sizes import Shapes, count_of, size_of

QUERY_KEY_VALUE = ("attn.to_q", "attn.to_k", "attn.to_v")
DOUBLE: LayerTable = {
    "img_attn.qkv": QUERY_KEY_VALUE,
    "txt_attn.qkv": ("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"),
    "img_attn.proj": ("attn.to_out.0",),
    "txt_attn.proj": ("attn.to_add_out",),
    "img_attn.norm.query_norm": ("attn.norm_q",),
    "img_attn.norm.key_norm": ("attn.norm_k",),
    "txt_attn.norm.query_norm": ("attn.norm_added_q",),
    "txt_attn.norm.key_norm": ("attn.norm_added_k",),
    "img_mlp.0": ("ff.net.0.proj",),
    "img_mlp.2": ("ff.net.2",),
    "txt_mlp.0": ("ff_context.net.0.proj",),
    "txt_mlp.2": ("ff_context.net.2",),
}
SINGLE: LayerTable = {
    "linear1": (*QUERY_KEY_VALUE, "proj_mlp"),
    "linear2": ("proj_out",),
    "norm.query_norm": ("attn.norm_q",),
    "norm.key_norm": ("attn.norm_k",),
}
ENDS: LayerTable = {"img_in": ("x_embedder",), "txt_in": ("context_embedder",), "final_layer.linear": ("proj_out",)}
_EMBEDDED = {"time_in": "timestep_embedder", "vector_in": "text_embedder", "guidance_in": "guidance_embedder"}

LAYOUT = Layout(
    layers={
        **ENDS,
        "final_layer.adaLN_modulation.1": ("norm_out.linear",),
        **{f"{theirs}.in_layer": (f"time_text_embed.{ours}.linear_1",) for theirs, ours in _EMBEDDED.items()},
        **{f"{theirs}.out_layer": (f"time_text_embed.{ours}.linear_2",) for theirs, ours in _EMBEDDED.items()},
    },
    blocks={
        "double_blocks": (
            "transformer_blocks",
            {**DOUBLE, "img_mod.lin": ("norm1.linear",), "txt_mod.lin": ("norm1_context.linear",)},
        ),
        "single_blocks": ("single_transformer_blocks", {**SINGLE, "modulation.lin": ("norm.linear",)}),
    },
    swapped=("norm_out.linear",),
)

XLABS = Layout(
    layers={},
    blocks={
        "double_blocks": (
            "transformer_blocks",
            {
                "qkv.1": DOUBLE["img_attn.qkv"],
                "qkv.2": DOUBLE["txt_attn.qkv"],
                "proj.1": DOUBLE["img_attn.proj"],
                "proj.2": DOUBLE["txt_attn.proj"],
            },
        ),
        "single_blocks": ("single_transformer_blocks", {"qkv": QUERY_KEY_VALUE, "proj": SINGLE["linear2"]}),
    },
)
"""What XLabs' trainer (https://github.com/XLabs-AI/x-flux, Apache-2.0) calls the layers that it trains."""


def taken(shapes: Shapes) -> dict[str, Taken]:
    """Where diffusers' tensors lie in a file of these `shapes`, by their names without a prefix."""
    return LAYOUT.taken(shapes, size_of(shapes, "img_in.weight", 0))


def config(shapes: Shapes) -> dict[str, Any]:
    """Settings of the `FluxTransformer2DModel` with tensors of these `shapes`, under diffusers' names. Raises
    UnusableModel for what is no such network."""
    return control_config(shapes) | {"out_channels": size_of(shapes, "proj_out.weight", 0)}


def control_config(shapes: Shapes) -> dict[str, Any]:
    """What those of a `FluxControlNetModel` say as well."""
    return common(shapes) | {
        "pooled_projection_dim": size_of(shapes, "time_text_embed.text_embedder.linear_1.weight", 1),
        "guidance_embeds": "time_text_embed.guidance_embedder.linear_1.weight" in shapes,
    }


def common(shapes: Shapes) -> dict[str, Any]:
    """What Chroma's settings say as Flux's do. Of a head's numbers some tell what kind of token it is, in which row and
    in which column: 16, 56 and 56 of 128, and so for any width."""
    width = size_of(shapes, "transformer_blocks.0.attn.norm_q.weight", 0)
    side = width * 7 // 32 * 2
    return {
        "attention_head_dim": width,
        "num_attention_heads": size_of(shapes, "x_embedder.weight", 0) // width,
        "axes_dims_rope": [width - 2 * side, side, side],
        "in_channels": size_of(shapes, "x_embedder.weight", 1),
        "joint_attention_dim": size_of(shapes, "context_embedder.weight", 1),
        "num_layers": count_of(shapes, "transformer_blocks."),
        "num_single_layers": count_of(shapes, "single_transformer_blocks."),
    }

"""Stable Diffusion 3 and 3.5 in Stability AI's layout (https://github.com/Stability-AI/sd3.5, MIT), which single files
have, and diffusers' names of it, as its own converter has them (0.42, Apache-2.0)."""

from __future__ import annotations

import math
from typing import Any

from .layout import LayerTable, Layout, Taken
from .sizes import Shapes, count_of, size_of

_HEAD = 64
"""The width of a head where no norm tells it."""
_PLACES = "pos_embed.pos_embed"
_BLOCK: LayerTable = {
    "x_block.attn.qkv": ("attn.to_q", "attn.to_k", "attn.to_v"),
    "x_block.attn.ln_q": ("attn.norm_q",),
    "x_block.attn.ln_k": ("attn.norm_k",),
    "x_block.attn.proj": ("attn.to_out.0",),
    "x_block.attn2.qkv": ("attn2.to_q", "attn2.to_k", "attn2.to_v"),
    "x_block.attn2.ln_q": ("attn2.norm_q",),
    "x_block.attn2.ln_k": ("attn2.norm_k",),
    "x_block.attn2.proj": ("attn2.to_out.0",),
    "x_block.adaLN_modulation.1": ("norm1.linear",),
    "x_block.mlp.fc1": ("ff.net.0.proj",),
    "x_block.mlp.fc2": ("ff.net.2",),
    "context_block.attn.qkv": ("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"),
    "context_block.attn.ln_q": ("attn.norm_added_q",),
    "context_block.attn.ln_k": ("attn.norm_added_k",),
    "context_block.attn.proj": ("attn.to_add_out",),
    "context_block.adaLN_modulation.1": ("norm1_context.linear",),
    "context_block.mlp.fc1": ("ff_context.net.0.proj",),
    "context_block.mlp.fc2": ("ff_context.net.2",),
}

LAYOUT = Layout(
    layers={
        "x_embedder.proj": ("pos_embed.proj",),
        "context_embedder": ("context_embedder",),
        "t_embedder.mlp.0": ("time_text_embed.timestep_embedder.linear_1",),
        "t_embedder.mlp.2": ("time_text_embed.timestep_embedder.linear_2",),
        "y_embedder.mlp.0": ("time_text_embed.text_embedder.linear_1",),
        "y_embedder.mlp.2": ("time_text_embed.text_embedder.linear_2",),
        "final_layer.linear": ("proj_out",),
        "final_layer.adaLN_modulation.1": ("norm_out.linear",),
    },
    blocks={"joint_blocks": ("transformer_blocks", _BLOCK)},
    swapped=("norm_out.linear",),
)


def layout_of(blocks: int) -> Layout:
    """That of a network with so many: of the last, whose text isn't gone on with, shift and scale change places too."""
    return LAYOUT._replace(swapped=(*LAYOUT.swapped, f"transformer_blocks.{blocks - 1}.norm1_context.linear"))


def taken(shapes: Shapes) -> dict[str, Taken]:
    """Where diffusers' tensors lie in a file of these `shapes`, by their names without a prefix."""
    made = layout_of(count_of(shapes, "joint_blocks.")).taken(shapes, size_of(shapes, "x_embedder.proj.weight", 0))
    return made | ({_PLACES: Taken("pos_embed")} if "pos_embed" in shapes else {})


def config(shapes: Shapes) -> dict[str, Any]:
    """Settings of the `SD3Transformer2DModel` with tensors of these `shapes`, under diffusers' names. Raises
    UnusableModel for what is no such network."""
    blocks, width = count_of(shapes, "transformer_blocks."), size_of(shapes, "pos_embed.proj.weight", 0)
    normed, patch = "transformer_blocks.0.attn.norm_q.weight", size_of(shapes, "pos_embed.proj.weight", 2)
    head = size_of(shapes, normed, 0) if normed in shapes else _HEAD
    return {
        "patch_size": patch,
        "in_channels": size_of(shapes, "pos_embed.proj.weight", 1),
        "out_channels": size_of(shapes, "proj_out.weight", 0) // patch**2,
        "num_layers": blocks,
        "attention_head_dim": head,
        "num_attention_heads": width // head,
        "joint_attention_dim": size_of(shapes, "context_embedder.weight", 1),
        "caption_projection_dim": size_of(shapes, "context_embedder.weight", 0),
        "pooled_projection_dim": size_of(shapes, "time_text_embed.text_embedder.linear_1.weight", 1),
        "pos_embed_max_size": math.isqrt(size_of(shapes, _PLACES, 1)),
        "dual_attention_layers": tuple(
            number for number in range(blocks) if f"transformer_blocks.{number}.attn2.to_q.weight" in shapes
        ),
        "qk_norm": "rms_norm" if normed in shapes else None,
    }

"""AuraFlow in its makers' layout (https://github.com/cloneofsimo/minRF, Apache-2.0), and diffusers' names of it, as its
own converter has them (0.42, Apache-2.0)."""

from __future__ import annotations

from typing import Any

from .layout import LayerTable, Layout, Taken
from .sizes import Shapes, count_of, size_of

_HEAD = 256
_PLACES = "pos_embed.pos_embed"
_FEED = {"c_fc1": "linear_1", "c_fc2": "linear_2", "c_proj": "out_projection"}
_SINGLE: LayerTable = {
    "attn.w1q": ("attn.to_q",),
    "attn.w1k": ("attn.to_k",),
    "attn.w1v": ("attn.to_v",),
    "attn.w1o": ("attn.to_out.0",),
    "modCX.1": ("norm1.linear",),
    **{f"mlp.{theirs}": (f"ff.{ours}",) for theirs, ours in _FEED.items()},
}
_DOUBLE: LayerTable = {
    "attn.w2q": ("attn.to_q",),
    "attn.w2k": ("attn.to_k",),
    "attn.w2v": ("attn.to_v",),
    "attn.w2o": ("attn.to_out.0",),
    "attn.w1q": ("attn.add_q_proj",),
    "attn.w1k": ("attn.add_k_proj",),
    "attn.w1v": ("attn.add_v_proj",),
    "attn.w1o": ("attn.to_add_out",),
    "modX.1": ("norm1.linear",),
    "modC.1": ("norm1_context.linear",),
    **{f"mlpX.{theirs}": (f"ff.{ours}",) for theirs, ours in _FEED.items()},
    **{f"mlpC.{theirs}": (f"ff_context.{ours}",) for theirs, ours in _FEED.items()},
}
LAYOUT = Layout(
    layers={
        "init_x_linear": ("pos_embed.proj",),
        "cond_seq_linear": ("context_embedder",),
        "t_embedder.mlp.0": ("time_step_proj.linear_1",),
        "t_embedder.mlp.2": ("time_step_proj.linear_2",),
        "modF.1": ("norm_out.linear",),
        "final_linear": ("proj_out",),
    },
    blocks={
        "double_layers": ("joint_transformer_blocks", _DOUBLE),
        "single_layers": ("single_transformer_blocks", _SINGLE),
    },
    swapped=("norm_out.linear",),
)
BESIDE = {_PLACES: "positional_encoding", "register_tokens": "register_tokens"}
"""Parameters of no layer, by diffusers' names: what each place adds to a token, and tokens that stand before a
prompt's."""


def taken(shapes: Shapes) -> dict[str, Taken]:
    """Where diffusers' tensors lie in a file of these `shapes`, by their names without a prefix."""
    beside = {ours: Taken(name) for ours, name in BESIDE.items() if name in shapes}
    return LAYOUT.taken(shapes, size_of(shapes, "init_x_linear.weight", 0)) | beside


def config(shapes: Shapes) -> dict[str, Any]:
    """Settings of the `AuraFlowTransformer2DModel` with tensors of these `shapes`, under diffusers' names: of tokens of
    two by two latents. Raises UnusableModel for what is no such network."""
    width, patch = size_of(shapes, "pos_embed.proj.weight", 0), 2
    head = _HEAD if width % _HEAD == 0 else width
    return {
        "patch_size": patch,
        "in_channels": size_of(shapes, "pos_embed.proj.weight", 1) // patch**2,
        "out_channels": size_of(shapes, "proj_out.weight", 0) // patch**2,
        "num_mmdit_layers": count_of(shapes, "joint_transformer_blocks."),
        "num_single_dit_layers": count_of(shapes, "single_transformer_blocks."),
        "attention_head_dim": head,
        "num_attention_heads": width // head,
        "joint_attention_dim": size_of(shapes, "context_embedder.weight", 1),
        "caption_projection_dim": size_of(shapes, "context_embedder.weight", 0),
        "pos_embed_max_size": size_of(shapes, _PLACES, 1),
    }

"""FLUX.2 in Black Forest Labs' layout (https://github.com/black-forest-labs/flux2, Apache-2.0), which most files have,
and diffusers' names of it, as its own converter has them (0.42, Apache-2.0)."""

from __future__ import annotations

from typing import Any

from .flux import DOUBLE, ENDS
from .layout import LayerTable, Layout, Taken
from .sizes import Shapes, count_of, size_of

_FED: LayerTable = {
    "img_mlp.0": ("ff.linear_in",),
    "img_mlp.2": ("ff.linear_out",),
    "txt_mlp.0": ("ff_context.linear_in",),
    "txt_mlp.2": ("ff_context.linear_out",),
}
_SINGLE: LayerTable = {
    "linear1": ("attn.to_qkv_mlp_proj",),
    "linear2": ("attn.to_out",),
    "norm.query_norm": ("attn.norm_q",),
    "norm.key_norm": ("attn.norm_k",),
}
_EMBEDDED = {"time_in": "timestep_embedder", "guidance_in": "guidance_embedder"}
_MODULATED = ("double_stream_modulation_img", "double_stream_modulation_txt", "single_stream_modulation")
_AXES = 4
"""What tells where a token stands: which picture, row, column, and of text which."""

LAYOUT = Layout(
    layers={
        **ENDS,
        "final_layer.adaLN_modulation.1": ("norm_out.linear",),
        **{f"{theirs}.in_layer": (f"time_guidance_embed.{ours}.linear_1",) for theirs, ours in _EMBEDDED.items()},
        **{f"{theirs}.out_layer": (f"time_guidance_embed.{ours}.linear_2",) for theirs, ours in _EMBEDDED.items()},
        **{f"{name}.lin": (f"{name}.linear",) for name in _MODULATED},
    },
    blocks={
        "double_blocks": ("transformer_blocks", {**DOUBLE, **_FED}),
        "single_blocks": ("single_transformer_blocks", _SINGLE),
    },
    swapped=("norm_out.linear",),
)


def taken(shapes: Shapes) -> dict[str, Taken]:
    """Where diffusers' tensors lie in a file of these `shapes`, by their names without a prefix."""
    return LAYOUT.taken(shapes, size_of(shapes, "img_in.weight", 0))


def config(shapes: Shapes) -> dict[str, Any]:
    """Settings of the `Flux2Transformer2DModel` with tensors of these `shapes`, under diffusers' names. Raises
    UnusableModel for what is no such network."""
    head, width = size_of(shapes, "transformer_blocks.0.attn.norm_q.weight", 0), size_of(shapes, "x_embedder.weight", 0)
    return {
        "attention_head_dim": head,
        "num_attention_heads": width // head,
        "axes_dims_rope": [head // _AXES] * _AXES,
        "in_channels": size_of(shapes, "x_embedder.weight", 1),
        "out_channels": size_of(shapes, "proj_out.weight", 0),
        "joint_attention_dim": size_of(shapes, "context_embedder.weight", 1),
        "num_layers": count_of(shapes, "transformer_blocks."),
        "num_single_layers": count_of(shapes, "single_transformer_blocks."),
        "mlp_ratio": size_of(shapes, "transformer_blocks.0.ff.linear_out.weight", 1) / width,
        "timestep_guidance_channels": size_of(shapes, "time_guidance_embed.timestep_embedder.linear_1.weight", 1),
        "guidance_embeds": "time_guidance_embed.guidance_embedder.linear_1.weight" in shapes,
    }

"""Lumina 2 in its makers' layout (https://github.com/Alpha-VLLM/Lumina-Image-2.0, Apache-2.0), which ComfyUI's files
have, and diffusers' names of it, as its own converter has them (0.42, Apache-2.0)."""

from __future__ import annotations

from typing import Any

from .flux import QUERY_KEY_VALUE
from .layout import LayerTable, Layout, Taken
from .sizes import Shapes, count_of, size_of

_SIDE = 2
"""Latents along a side of a token."""
_SHARED = 3
"""Queries for each key."""
_PLAIN: LayerTable = {
    "attention.qkv": QUERY_KEY_VALUE,
    "attention.out": ("attn.to_out.0",),
    "attention.q_norm": ("attn.norm_q",),
    "attention.k_norm": ("attn.norm_k",),
    "attention_norm1": ("norm1",),
    "attention_norm2": ("norm2",),
    "ffn_norm1": ("ffn_norm1",),
    "ffn_norm2": ("ffn_norm2",),
    **{f"feed_forward.w{number}": (f"feed_forward.linear_{number}",) for number in (1, 2, 3)},
}
_MODULATED: LayerTable = {**_PLAIN, "attention_norm1": ("norm1.norm",), "adaLN_modulation.1": ("norm1.linear",)}
LAYOUT = Layout(
    layers={
        "x_embedder": ("x_embedder",),
        "t_embedder.mlp.0": ("time_caption_embed.timestep_embedder.linear_1",),
        "t_embedder.mlp.2": ("time_caption_embed.timestep_embedder.linear_2",),
        "cap_embedder.0": ("time_caption_embed.caption_embedder.0",),
        "cap_embedder.1": ("time_caption_embed.caption_embedder.1",),
        "final_layer.adaLN_modulation.1": ("norm_out.linear_1",),
        "final_layer.linear": ("norm_out.linear_2",),
    },
    blocks={
        "layers": ("layers", _MODULATED),
        "noise_refiner": ("noise_refiner", _MODULATED),
        "context_refiner": ("context_refiner", _PLAIN),
    },
    shared=_SHARED,
)


def taken(shapes: Shapes) -> dict[str, Taken]:
    """Where diffusers' tensors lie in a file of these `shapes`, by their names without a prefix."""
    return LAYOUT.taken(shapes, size_of(shapes, "x_embedder.weight", 0))


def config(shapes: Shapes) -> dict[str, Any]:
    """Settings of the `Lumina2Transformer2DModel` with tensors of these `shapes`, under diffusers' names. Of a head's
    numbers a third each tell how far on a token stands, in which row and in which column. Raises UnusableModel for what
    is no such network."""
    width = size_of(shapes, "x_embedder.weight", 0)
    head = size_of(shapes, "layers.0.attn.norm_q.weight", 0)
    return {
        "hidden_size": width,
        "num_attention_heads": width // head,
        "num_kv_heads": size_of(shapes, "layers.0.attn.to_k.weight", 0) // head,
        "in_channels": size_of(shapes, "x_embedder.weight", 1) // _SIDE**2,
        "num_layers": count_of(shapes, "layers."),
        "num_refiner_layers": count_of(shapes, "noise_refiner."),
        "multiple_of": size_of(shapes, "layers.0.feed_forward.linear_1.weight", 0),
        "cap_feat_dim": size_of(shapes, "time_caption_embed.caption_embedder.1.weight", 1),
        "axes_dim_rope": (head // 3,) * 3,
    }

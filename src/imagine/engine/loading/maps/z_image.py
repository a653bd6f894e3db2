"""Z-Image in Tongyi's own layout (https://github.com/Tongyi-MAI/Z-Image, Apache-2.0), which ComfyUI's files have, and
diffusers' names of it, as its own converter has them (0.42, Apache-2.0)."""

from __future__ import annotations

from typing import Any

from .flux import QUERY_KEY_VALUE
from .layout import LayerTable, Layout, Taken
from .sizes import Shapes, count_of, size_of

PATCH = "2-1"
"""What diffusers calls layers for tokens of two by two latents of one frame, the only ones there are."""
PADDING = ("cap_pad_token", "x_pad_token")
"""What stands where a prompt or a picture is filled up, (1, width): tensors of no layer, which GGUF has as (width,)."""
_SAME = (
    "attention_norm1", "attention_norm2", "ffn_norm1", "ffn_norm2", "feed_forward.w1", "feed_forward.w2",
    "feed_forward.w3", "adaLN_modulation.0",
)  # fmt: skip
_BLOCK: LayerTable = {
    "attention.qkv": tuple(name.replace("attn", "attention") for name in QUERY_KEY_VALUE),
    "attention.out": ("attention.to_out.0",),
    "attention.q_norm": ("attention.norm_q",),
    "attention.k_norm": ("attention.norm_k",),
    **{name: (name,) for name in _SAME},
}
LAYOUT = Layout(
    layers={
        "x_embedder": (f"all_x_embedder.{PATCH}",),
        "final_layer.linear": (f"all_final_layer.{PATCH}.linear",),
        "final_layer.adaLN_modulation.1": (f"all_final_layer.{PATCH}.adaLN_modulation.1",),
        **{name: (name,) for name in ("t_embedder.mlp.0", "t_embedder.mlp.2", "cap_embedder.0", "cap_embedder.1")},
    },
    blocks={name: (name, _BLOCK) for name in ("layers", "noise_refiner", "context_refiner")},
)


def taken(shapes: Shapes) -> dict[str, Taken]:
    """Where diffusers' tensors lie in a file of these `shapes`, by their names without a prefix."""
    padding = {name: Taken(name, row=len(shapes[name]) == 1) for name in PADDING if name in shapes}
    return LAYOUT.taken(shapes, size_of(shapes, "x_embedder.weight", 0)) | padding


def config(shapes: Shapes) -> dict[str, Any]:
    """Settings of the `ZImageTransformer2DModel` with tensors of these `shapes`, under diffusers' names. Of a head's
    numbers some tell how far on a token stands, in which row and in which column: 32, 48 and 48 of 128, and so for any
    width. Raises UnusableModel for what is no such network."""
    width = size_of(shapes, f"all_x_embedder.{PATCH}.weight", 0)
    head = size_of(shapes, "layers.0.attention.norm_q.weight", 0)
    side = head * 3 // 16 * 2
    return {
        "dim": width,
        "n_heads": width // head,
        "n_kv_heads": width // head,
        "in_channels": size_of(shapes, f"all_x_embedder.{PATCH}.weight", 1) // 4,
        "n_layers": count_of(shapes, "layers."),
        "n_refiner_layers": count_of(shapes, "noise_refiner."),
        "cap_feat_dim": size_of(shapes, "cap_embedder.1.weight", 1),
        "axes_dims": [head - 2 * side, side, side],
    }

"""The settings of a control's network, read off its tensors' shapes and off the U-Net that it goes beside.

A ControlNet is a copy of a U-Net's way down, so what shapes don't tell (heads, groups, the width of sizes) it has from
there; what it may have otherwise (how deep its attention is, and whether it has any) its own tensors tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...messages import message
from ...words.errors import UnusableModel
from .maps.sizes import Shapes, count_of, size_of

_AS_THE_UNET = (
    "flip_sin_to_cos", "freq_shift", "downsample_padding", "mid_block_scale_factor", "act_fn", "norm_num_groups",
    "norm_eps", "cross_attention_dim", "attention_head_dim", "num_attention_heads", "use_linear_projection",
    "upcast_attention", "resnet_time_scale_shift", "addition_embed_type", "addition_time_embed_dim",
    "projection_class_embeddings_input_dim", "layers_per_block",
)  # fmt: skip
_UNSHUFFLED = (8, 16)
"""By how much T2I-Adapters fold pixels into channels: those of SD1, and those of SDXL."""


def controlnet_settings(shapes: Shapes, unet: Mapping[str, Any]) -> dict[str, Any]:
    """Of the `ControlNetModel` with tensors of these shapes beside a U-Net of these settings. Raises UnusableModel
    where it was made for one of other widths."""
    widths = list(unet["block_out_channels"])
    levels = count_of(shapes, "down_blocks.")
    own = [size_of(shapes, f"down_blocks.{level}.resnets.0.conv1.weight", 0) for level in range(levels)]
    if own != widths:
        raise UnusableModel(message("control.widths", taken=str(own), own=str(widths)))
    depths = [count_of(shapes, f"down_blocks.{level}.attentions.0.transformer_blocks.") for level in range(levels)]
    middle = count_of(shapes, "mid_block.attentions.0.transformer_blocks.")
    hint = "controlnet_cond_embedding."
    blocks = count_of(shapes, f"{hint}blocks.")
    return {name: unet[name] for name in _AS_THE_UNET} | {
        "in_channels": size_of(shapes, "conv_in.weight", 1),
        "block_out_channels": widths,
        "down_block_types": ["CrossAttnDownBlock2D" if depth else "DownBlock2D" for depth in depths],
        "mid_block_type": "UNetMidBlock2DCrossAttn" if middle else "UNetMidBlock2D",
        # Its class takes the middle's from the last level's, where there may be none.
        "transformer_layers_per_block": [*(depth or 1 for depth in depths[:-1]), depths[-1] or middle or 1],
        "conditioning_channels": size_of(shapes, f"{hint}conv_in.weight", 1),
        "conditioning_embedding_out_channels": [
            size_of(shapes, f"{hint}conv_in.weight", 0),
            *(size_of(shapes, f"{hint}blocks.{block}.weight", 0) for block in range(1, blocks, 2)),
        ],
    }  # fmt: skip


def union_settings(shapes: Shapes, unet: Mapping[str, Any]) -> dict[str, Any]:
    """The same of a `ControlNetUnionModel`."""
    settings = controlnet_settings(shapes, unet)
    del settings["mid_block_type"]
    kinds, width = size_of(shapes, "task_embedding", 0), size_of(shapes, "task_embedding", 1)
    embedded = size_of(shapes, "control_add_embedding.linear_1.weight", 1)
    return settings | {
        "num_control_type": kinds, "num_trans_channel": width,
        "num_trans_head": 8 if width % 8 == 0 else 1,
        "num_trans_layer": count_of(shapes, "transformer_layes."),
        "num_proj_channel": size_of(shapes, "spatial_ch_projs.weight", 0),
        "addition_time_embed_dim": settings["addition_time_embed_dim"] or embedded // kinds,
    }  # fmt: skip


def t2i_settings(shapes: Shapes, unet: Mapping[str, Any]) -> dict[str, Any]:
    """Of the `T2IAdapter` with tensors of these shapes beside such a U-Net. Raises UnusableModel."""
    light = "adapter.body.0.out_conv.weight" in shapes
    end = "out_conv.weight" if light else "resnets.0.block1.weight"
    widths = [size_of(shapes, f"adapter.body.{level}.{end}", 0) for level in range(count_of(shapes, "adapter.body."))]
    folded = size_of(shapes, "adapter.body.0.in_conv.weight" if light else "adapter.conv_in.weight", 1)
    factors = [(by, seen) for by in _UNSHUFFLED for seen in (1, 3) if folded == seen * by * by]
    if not factors:
        raise UnusableModel(message("control.folded", count=folded))
    by, seen = factors[0]
    attends = [kind.startswith("CrossAttn") for kind in unet["down_block_types"]]
    levels = list(unet["block_out_channels"])
    expected = levels if by == _UNSHUFFLED[0] else [*levels, levels[-1]]
    if widths != expected or attends[0] != (by == _UNSHUFFLED[0]):
        raise UnusableModel(message("control.widths", taken=str(widths), own=str(levels)))
    kind = "light_adapter" if light else "full_adapter" if by == _UNSHUFFLED[0] else "full_adapter_xl"
    return {
        "in_channels": seen, "channels": widths[:-1] if light else widths, "downscale_factor": by,
        "num_res_blocks": count_of(shapes, "adapter.body.0.resnets."), "adapter_type": kind,
    }  # fmt: skip

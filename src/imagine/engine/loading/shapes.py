"""The networks' configurations, read off the shapes of their tensors, at any width.

Shapes don't tell attention heads and group-norm groups: those are the family's, unless the file's metadata says
otherwise (`imagine.attention_heads`, `imagine.norm_num_groups`, `imagine.vae_norm_num_groups`,
`imagine.text_attention_heads`). The names of the settings are diffusers' and transformers'.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ...messages import message
from ...words.errors import UnusableModel
from .family_config import FamilyConfig, TextEncoderConfig
from .maps.sizes import Shapes, count_of, size_of

MAX_HEADS = 256
GROUPS = 32
_GEMMA_HEAD = 256
_QUERY_NORM, _KEY_BIAS, _QWEN_HEAD = "layers.0.self_attn.q_norm.weight", "layers.0.self_attn.k_proj.bias", 128
_SIGHT_HEAD = 80


class _UNetLevel(NamedTuple):
    """One resolution on the U-Net's way down: its width, its resnets, and the transformer blocks behind each."""

    width: int
    layers: int
    depth: int


def unet_config(shapes: Shapes, family: FamilyConfig, metadata: Mapping[str, str], pooled: int) -> dict[str, Any]:
    """Settings of the `UNet2DConditionModel` with tensors of these `shapes`, named without their prefix.

    `pooled` is the width of the pooled prompt, 0 without one. Raises UnusableModel for what is no such network.
    """
    levels = _levels(shapes)
    widths = [level.width for level in levels]
    depths = _depths(levels, count_of(shapes, "middle_block.1.transformer_blocks."))
    attention = next(name for name in shapes if name.endswith("attn2.to_k.weight"))
    config: dict[str, Any] = {
        "in_channels": size_of(shapes, "input_blocks.0.0.weight", 1),
        "out_channels": size_of(shapes, "out.2.weight", 0),
        "block_out_channels": widths,
        "layers_per_block": levels[0].layers,
        "down_block_types": ["CrossAttnDownBlock2D" if level.depth else "DownBlock2D" for level in levels],
        "up_block_types": ["CrossAttnUpBlock2D" if level.depth else "UpBlock2D" for level in reversed(levels)],
        "transformer_layers_per_block": depths[0] if len(set(depths)) == 1 else depths,
        "cross_attention_dim": size_of(shapes, attention, 1),
        "use_linear_projection": len(shapes["middle_block.1.proj_in.weight"]) == 2,
        # Diffusers' name is a misnomer: it counts heads.
        "attention_head_dim": _heads(family, widths, metadata),
        "norm_num_groups": _groups(metadata, "imagine.norm_num_groups", widths),
        **family.unet,
    }
    if family.time_ids:
        embedded = size_of(shapes, "label_emb.0.0.weight", 1)
        config["projection_class_embeddings_input_dim"] = embedded
        config["addition_time_embed_dim"] = _time_width(embedded - pooled, family.time_ids)
    return config


def vae_config(shapes: Shapes, family: FamilyConfig, metadata: Mapping[str, str]) -> dict[str, Any]:
    """Settings of the `AutoencoderKL` with tensors of these `shapes`, under diffusers' names."""
    levels = count_of(shapes, "encoder.down_blocks.")
    widths = [size_of(shapes, f"encoder.down_blocks.{level}.resnets.0.conv1.weight", 0) for level in range(levels)]
    if not widths:
        raise UnusableModel(message("weights.no_encoder"))
    return {
        "in_channels": size_of(shapes, "encoder.conv_in.weight", 1),
        "out_channels": size_of(shapes, "decoder.conv_out.weight", 0),
        "latent_channels": size_of(shapes, "decoder.conv_in.weight", 1),
        "block_out_channels": widths,
        "layers_per_block": count_of(shapes, "encoder.down_blocks.0.resnets."),
        "down_block_types": ["DownEncoderBlock2D"] * levels,
        "up_block_types": ["UpDecoderBlock2D"] * levels,
        "norm_num_groups": _groups(metadata, "imagine.vae_norm_num_groups", widths),
        "use_quant_conv": "quant_conv.weight" in shapes,
        "use_post_quant_conv": "post_quant_conv.weight" in shapes,
        **family.vae,
    }


def text_config(shapes: Shapes, encoder: TextEncoderConfig, metadata: Mapping[str, str]) -> dict[str, Any]:
    """Settings of the CLIP text model with tensors of these `shapes`, under transformers' names."""
    width = size_of(shapes, "embeddings.token_embedding.weight", 1)
    stated = metadata.get("imagine.text_attention_heads")
    heads = max(1, width // 64) if stated is None else number_of("imagine.text_attention_heads", stated, MAX_HEADS)
    if width % heads:
        raise UnusableModel(message("weights.text_heads", width=width, heads=heads))
    config = {
        "vocab_size": size_of(shapes, "embeddings.token_embedding.weight", 0),
        "max_position_embeddings": size_of(shapes, "embeddings.position_embedding.weight", 0),
        "hidden_size": width,
        "intermediate_size": size_of(shapes, "encoder.layers.0.mlp.fc1.weight", 0),
        "num_hidden_layers": count_of(shapes, "encoder.layers."),
        "num_attention_heads": heads,
        **encoder.config,
    }
    if encoder.projection:
        config["projection_dim"] = size_of(shapes, "text_projection.weight", 0)
    return config


def t5_config(shapes: Shapes) -> dict[str, Any]:
    """Settings of the T5 encoder with tensors of these `shapes`, under transformers' names."""
    attention = "encoder.block.0.layer.0.SelfAttention"
    heads = size_of(shapes, f"{attention}.relative_attention_bias.weight", 1)
    inner = size_of(shapes, f"{attention}.q.weight", 0)
    if inner % heads:
        raise UnusableModel(message("weights.text_heads", width=inner, heads=heads))
    return {
        "vocab_size": size_of(shapes, "shared.weight", 0),
        "d_model": size_of(shapes, "shared.weight", 1),
        "d_ff": size_of(shapes, "encoder.block.0.layer.1.DenseReluDense.wi_0.weight", 0),
        "d_kv": inner // heads,
        "num_heads": heads,
        "num_layers": count_of(shapes, "encoder.block."),
        "relative_attention_num_buckets": size_of(shapes, f"{attention}.relative_attention_bias.weight", 0),
        "apart": attention.replace("block.0", "block.1") + ".relative_attention_bias.weight" in shapes,
    }


def qwen_config(shapes: Shapes, stated: int | None = None) -> dict[str, Any]:
    """Settings of the Qwen3, Qwen2.5 or Mistral with tensors of these `shapes`, under transformers' names. How wide a
    head is only Qwen3's tell: of the others `stated` says it, or it is what it is in all that are published."""
    normed = _QUERY_NORM in shapes
    head = size_of(shapes, _QUERY_NORM, 0) if normed else stated or _QWEN_HEAD
    return _decoder_sizes(shapes, head) | {
        "qk_norm": normed,
        "biased": _KEY_BIAS in shapes,
        "normed": "norm.weight" in shapes,
    }


def gemma_config(shapes: Shapes, stated: int | None = None) -> dict[str, Any]:
    """Settings of the Gemma 2 with tensors of these `shapes`, under transformers' names, likewise."""
    return _decoder_sizes(shapes, stated or _GEMMA_HEAD)


def _decoder_sizes(shapes: Shapes, head: int) -> dict[str, int]:
    """What both say alike, of heads so wide. Raises UnusableModel."""
    queries, keys = (size_of(shapes, f"layers.0.self_attn.{each}_proj.weight", 0) for each in "qk")
    if queries % head or keys % head or queries % keys:
        raise UnusableModel(message("weights.text_heads", width=queries, heads=keys // head or 1))
    return {
        "vocab_size": size_of(shapes, "embed_tokens.weight", 0),
        "hidden_size": size_of(shapes, "embed_tokens.weight", 1),
        "intermediate_size": size_of(shapes, "layers.0.mlp.gate_proj.weight", 0),
        "num_hidden_layers": count_of(shapes, "layers."),
        "num_attention_heads": queries // head,
        "num_key_value_heads": keys // head,
        "head_dim": head,
    }


def sight_config(shapes: Shapes, patch: Sequence[int], stated: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of the half of a Qwen2.5-VL that sees, with tensors of these `shapes` and patches of so many frames,
    rows and columns, under transformers' names. How many heads it has, and in which layers patches see all others, is
    `stated`, or as in all that are published. Raises ValueError for windows that hold nothing."""
    width = size_of(shapes, "blocks.0.norm1.weight", 0)
    frames, rows, columns = patch
    tokens = size_of(shapes, "merger.mlp.0.weight", 1) // width
    merged = math.isqrt(tokens)
    settings = {"num_heads": max(1, width // _SIGHT_HEAD), **stated}
    if rows != columns or merged**2 != tokens or settings["num_heads"] < 1 or width % settings["num_heads"]:
        raise UnusableModel(message("weights.text_heads", width=width, heads=settings["num_heads"]))
    if "window_size" in settings and settings["window_size"] < rows * merged:
        raise ValueError(f"window_size {settings['window_size']} of what sees is less than a token")
    return {
        **settings,
        "depth": count_of(shapes, "blocks."),
        "hidden_size": width,
        "intermediate_size": size_of(shapes, "blocks.0.mlp.gate_proj.weight", 0),
        "out_hidden_size": size_of(shapes, "merger.mlp.2.weight", 0),
        "patch_size": rows,
        "temporal_patch_size": frames,
        "spatial_merge_size": merged,
    }


def _levels(shapes: Shapes) -> list[_UNetLevel]:
    levels: list[_UNetLevel] = []
    width = layers = depth = 0
    for block in range(1, count_of(shapes, "input_blocks.")):
        if f"input_blocks.{block}.0.op.weight" in shapes:
            levels.append(_UNetLevel(width, layers, depth))
            layers = 0
            continue
        width = size_of(shapes, f"input_blocks.{block}.0.in_layers.2.weight", 0)
        depth = count_of(shapes, f"input_blocks.{block}.1.transformer_blocks.")
        layers += 1
    levels.append(_UNetLevel(width, layers, depth))
    if len({level.layers for level in levels}) != 1:
        raise UnusableModel(message("weights.layers"))
    return levels


def _depths(levels: list[_UNetLevel], middle: int) -> list[int]:
    """Transformer blocks per level. Diffusers takes the middle's from the last level, where there may be none."""
    depths = [level.depth or 1 for level in levels]
    if not levels[-1].depth:
        depths[-1] = middle
    present = {level.depth for level in levels if level.depth} | {middle}
    return [middle] * len(levels) if len(present) == 1 else depths


def _heads(family: FamilyConfig, widths: list[int], metadata: Mapping[str, str]) -> int | list[int]:
    stated = metadata.get("imagine.attention_heads")
    if stated is not None:
        heads = [number_of("imagine.attention_heads", part, MAX_HEADS) for part in stated.split(",")]
        if len(heads) not in (1, len(widths)):
            raise UnusableModel(message("weights.heads_named", count=len(heads), levels=len(widths)))
    else:
        heads = [family.heads or width // family.head_width for width in widths]
    spread = heads * len(widths) if len(heads) == 1 else heads
    for width, count in zip(widths, spread, strict=True):
        if not count or width % count:
            raise UnusableModel(message("weights.unet_heads", width=width, heads=count))
    return heads[0] if len(set(heads)) == 1 else heads


def _groups(metadata: Mapping[str, str], key: str, widths: list[int]) -> int:
    groups = number_of(key, metadata.get(key, str(GROUPS)), 1024)
    for width in widths:
        if width % groups:
            raise UnusableModel(message("weights.groups", width=width, groups=groups, key=key))
    return groups


def _time_width(left: int, time_ids: int) -> int:
    if left <= 0 or left % (2 * time_ids):
        raise UnusableModel(message("weights.sizes", count=left, sizes=time_ids))
    return left // time_ids


def number_of(key: str, stated: str, most: int) -> int:
    """A positive number that metadata says under `key`."""
    if not re.fullmatch(r"\s*[0-9]{1,6}\s*", stated) or not 1 <= int(stated) <= most:
        raise UnusableModel(message("weights.metadata_number", key=key, value=stated[:40], least=1, most=most))
    return int(stated)

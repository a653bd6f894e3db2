"""The tensors of a Qwen3, a Qwen2.5 or a Mistral among others, under transformers' names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .weights import Tensors, Weights

_FIRSTS = ("layers.0.self_attn.q_norm.weight", "layers.0.self_attn.k_proj.bias", "layers.0.mlp.gate_proj.weight")
"""What Qwen3 has, and Qwen2.5, and any."""
_OWN = ("layers.", "embed_tokens.", "norm.")
_LAST = "norm.weight"
_SIGHT, _PATCHES = "visual.", "patch_embed.proj.weight"
"""What stands before the names of what sees, and its first layer."""
_OF_GEMMA = ("query_pre_attn_scalar", "attn_logit_softcapping")
_TURNED = ("default", "mrope")
"""Of Qwen2.5-VL: by three places, which are one for words."""


def qwen_tensors(weights: Weights) -> Tensors:
    """Those of the model, without what stands before all of their names; none where there is none. What is beside it
    (the head that says the next word, what sees pictures), and marks of how it is stored, are left out."""
    told = ((name, first) for first in _FIRSTS for name in weights.names if name.endswith(first))
    name, first = next(told, ("", ""))
    if not name:
        return {}
    prefix = name.removesuffix(first)
    own = tuple(prefix + beginning for beginning in _OWN)
    names = [name for name in weights.names if name.startswith(own) and name.endswith((".weight", ".bias"))]
    return {name.removeprefix(prefix): weights.read(name) for name in names}


def without_last(tensors: Tensors, asked: int) -> Tensors:
    """Those of a model of which so many layers are asked and no more, without what lies behind them."""
    return {name: tensor for name, tensor in tensors.items() if name != _LAST and _layer(name) < asked}


def _layer(name: str) -> int:
    """Which one a tensor is of; -1 for none."""
    number = name.removeprefix("layers.").partition(".")[0]
    return int(number) if number.isdecimal() else -1


def sight_tensors(weights: Weights) -> Tensors:
    """Those of what sees beside a Qwen2.5-VL, likewise, with what goes over patches laid flat; none where there is
    none."""
    name = next((name for name in weights.names if name.endswith(_SIGHT + _PATCHES)), "")
    if not name:
        return {}
    prefix = name.removesuffix(_PATCHES)
    names = [name for name in weights.names if name.startswith(prefix) and name.endswith((".weight", ".bias"))]
    own = {name.removeprefix(prefix): weights.read(name) for name in names}
    return own | {_PATCHES: own[_PATCHES].flatten(1)}


def sight_patch(weights: Weights) -> tuple[int, ...]:
    """How many frames, rows and columns of pixels a patch has."""
    name = next(name for name in weights.names if name.endswith(_SIGHT + _PATCHES))
    return tuple(weights.shape(name))[2:]


def sight_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """What of a folder's `config.json` no shape tells of what sees."""
    said = config.get("vision_config") or {}
    return {name: said[name] for name in ("num_heads", "window_size", "fullatt_block_indexes") if name in said}


def qwen_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """What of a folder's `config.json` no shape tells, as transformers 4 and 5 write it. Raises ValueError for places
    that are told otherwise than by turning."""
    config = config.get("text_config") or config  # of one that sees
    turning = config.get("rope_parameters") or config.get("rope_scaling") or {}
    if (kind := turning.get("rope_type", turning.get("type", "default"))) not in _TURNED:
        raise ValueError(f"rope_type {kind!r} of its text encoder is unknown")
    stated = {
        "rope_theta": turning.get("rope_theta", config.get("rope_theta")),
        "rms_norm_eps": config.get("rms_norm_eps"),
        "head_dim": config.get("head_dim") or _head(config),
        "mrope_section": turning.get("mrope_section"),
        **{name: config.get(name) for name in _OF_GEMMA},
    }
    return {name: value for name, value in stated.items() if value is not None}


def _head(config: Mapping[str, Any]) -> int | None:
    """How wide one is, where that is said by how many there are."""
    width, heads = config.get("hidden_size"), config.get("num_attention_heads")
    return width // heads if isinstance(width, int) and isinstance(heads, int) and heads > 0 else None

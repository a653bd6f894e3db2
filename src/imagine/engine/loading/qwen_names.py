"""A Qwen3's tensors among others, under transformers' names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .weights import Tensors, Weights

_FIRST = "layers.0.self_attn.q_norm.weight"
_OWN = ("layers.", "embed_tokens.", "norm.")


def qwen_tensors(weights: Weights) -> Tensors:
    """Those of the model, without what stands before all of their names; none where there is none. What is beside it
    (the head that says the next word, what sees pictures), and marks of how it is stored, are left out."""
    first = next((name for name in weights.names if name.endswith(_FIRST)), None)
    if first is None:
        return {}
    prefix = first.removesuffix(_FIRST)
    own = tuple(prefix + beginning for beginning in _OWN)
    names = [name for name in weights.names if name.startswith(own) and name.endswith(".weight")]
    return {name.removeprefix(prefix): weights.read(name) for name in names}


def qwen_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """What of a folder's `config.json` no shape tells, as transformers 4 and 5 write it. Raises ValueError for places
    that are told otherwise than by turning."""
    turning = config.get("rope_parameters") or config.get("rope_scaling") or {}
    if (kind := turning.get("rope_type", turning.get("type", "default"))) != "default":
        raise ValueError(f"rope_type {kind!r} of its text encoder is unknown")
    stated = {
        "rope_theta": turning.get("rope_theta", config.get("rope_theta")),
        "rms_norm_eps": config.get("rms_norm_eps"),
    }
    return {name: value for name, value in stated.items() if value is not None}

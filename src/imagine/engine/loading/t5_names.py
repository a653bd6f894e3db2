"""A T5 encoder's tensors among others, under transformers' names."""

from __future__ import annotations

from .weights import Tensors, Weights

_FIRST = "encoder.block.0.layer.0.SelfAttention.q.weight"
_WORDS = ("shared.weight", "encoder.embed_tokens.weight")
"""The table of tokens: files have it under one of these names or, twice the same, under both."""
_OWN = ("encoder.block.", "encoder.final_layer_norm.")


def has_t5(weights: Weights) -> bool:
    """Is there one?"""
    return any(name.endswith(_FIRST) for name in weights.names)


def t5_tensors(weights: Weights) -> Tensors:
    """Those of the encoder, without what stands before all of their names; none where there is none. What a whole T5
    has beside it (a decoder), and marks of how it is stored, are left out."""
    first = next((name for name in weights.names if name.endswith(_FIRST)), None)
    if first is None:
        return {}
    prefix = first.removesuffix(_FIRST)
    words = next((name for name in _WORDS if prefix + name in weights.names), None)
    own = [name for name in weights.names if name.startswith(tuple(prefix + beginning for beginning in _OWN))]
    tensors = {name.removeprefix(prefix): weights.read(name) for name in own if name.endswith(".weight")}
    return tensors if words is None else {_WORDS[0]: weights.read(prefix + words), **tensors}

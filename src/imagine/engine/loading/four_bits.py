"""Weights that bitsandbytes keeps in four bits: kept as they are stored (`quantised/tensor`), under their true shapes.

What lies beside a weight says how it is stored (`formats/four_bits.py`). Of tables, those that everybody has are used:
a file with others is refused. Scales of eight bits are widened here, once.
"""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor

from ...formats.four_bits import (
    BESIDE,
    MOST_BYTES,
    NESTED,
    NESTED_SCALES,
    NESTED_TABLE,
    SCALES,
    TABLE,
    FourBitState,
    state_from,
    weight_of,
)  # fmt: skip
from ...messages import message
from ...words.errors import UnusableModel
from ..quantised.fours import FOUR_BITS, nested_values
from ..quantised.tensor import Quantised
from .weights import Weights


class FourBits:
    """Other weights, of which those of four bits are kept, to be numbers of `dtype`; what says how is left out."""

    def __init__(self, weights: Weights, dtype: torch.dtype) -> None:
        """Raises UnusableModel for a state that isn't understood."""
        self._weights, self._dtype = weights, dtype
        self.metadata = weights.metadata
        self._states = {weight: _state(weights, name) for name in weights.names if (weight := weight_of(name))}
        beside = {weight + end for weight in self._states for end in BESIDE}
        self.names: Collection[str] = {
            name: None for name in weights.names if name not in beside and weight_of(name) is None
        }.keys()

    def shape(self, name: str) -> tuple[int, ...]:
        state = self._states.get(name)
        return self._weights.shape(name) if state is None else state.shape

    def stored(self, name: str) -> torch.dtype:
        return self._dtype if name in self._states else self._weights.stored(name)

    def read(self, name: str) -> Tensor:
        """What has one side is no network's bulk, and is widened at once."""
        tensor, state = self._weights.read(name), self._states.get(name)
        if state is None:
            return tensor
        if tensor.dtype != torch.uint8 or 2 * tensor.numel() != state.elements:
            raise UnusableModel(message("weights.not_understood", name=name))
        stored = tensor.contiguous().view(state.scale_count, -1)
        kept = Quantised(stored, state.quant_type, state.shape, self._dtype, self._scale(name, state))
        return kept if len(state.shape) > 1 else kept.dequantised()

    def _scale(self, name: str, state: FourBitState) -> Tensor:
        """Of each block, in float32."""
        self._check(name + TABLE, torch.tensor(FOUR_BITS[state.quant_type]))
        if not state.is_nested:
            return self._beside(name + SCALES, state.scale_count, torch.float32)
        self._check(name + NESTED_TABLE, nested_values())
        greatest = self._beside(name + NESTED_SCALES, -(-state.scale_count // NESTED), torch.float32)
        bytes_ = self._beside(name + SCALES, state.scale_count, torch.uint8)
        values = nested_values()[bytes_.int()]
        return values.mul_(greatest.repeat_interleave(NESTED)[: state.scale_count]).add_(state.nested_offset)

    def _beside(self, name: str, count: int, dtype: torch.dtype) -> Tensor:
        """So many numbers of one side. Raises UnusableModel where they aren't those."""
        if name not in self._weights.names or self._weights.shape(name) != (count,):
            raise UnusableModel(message("weights.not_understood", name=name))
        if (tensor := self._weights.read(name)).dtype != dtype:
            raise UnusableModel(message("weights.not_understood", name=name))
        return tensor

    def _check(self, name: str, values: Tensor) -> None:
        """Raises UnusableModel where a file's table is another."""
        if not torch.allclose(self._beside(name, len(values), torch.float32), values, rtol=0, atol=1e-6):
            raise UnusableModel(message("weights.not_understood", name=name))


def with_four_bits_kept(weights: Weights, dtype: torch.dtype) -> Weights:
    """The same weights where none is of four bits."""
    return FourBits(weights, dtype) if any(map(weight_of, weights.names)) else weights


def _state(weights: Weights, name: str) -> FourBitState:
    (length, *more) = weights.shape(name) or (0,)
    if more or length > MOST_BYTES or weights.stored(name) != torch.uint8:
        raise UnusableModel(message("weights.not_understood", name=name))
    return state_from(bytes(weights.read(name).tolist()), name)

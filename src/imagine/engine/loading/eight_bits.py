"""Weights of 8 bits in a safetensors file, plain or each times its scale: kept as they are stored (`quantised/tensor`).

A layer's true weight is what is stored times `scale_weight`, since 2025 called `weight_scale`, one number or one for
each row. A mark (`formats/marks.py`) names the format; integers have one, and may be rotated.
Source: https://github.com/comfyanonymous/ComfyUI, `comfy/ops.py` and `QUANTIZATION.md` (read for the format alone).
"""

from __future__ import annotations

import math
from collections.abc import Collection

import torch
from torch import Tensor

from ...formats.marks import (
    BESIDE,
    FLOAT8,
    MARK,
    MOST_BYTES,
    SCALES,
    SCALES_OF_SCALES,
    LayerMark,
    mark_from,
    marks_in,
)  # fmt: skip
from ...messages import message
from ...words.errors import UnusableModel
from ..quantised.tensor import Quantised
from . import placing
from .weights import Weights

_WEIGHT = ".weight"
_BYTES = (*placing.FLOAT8, torch.int8, torch.uint8)
_KINDS = {torch.float8_e4m3fn: "float8_e4m3fn", torch.float8_e5m2: "float8_e5m2"}


class EightBits:
    """Other weights, of which those of 8 bits are kept, to be numbers of `dtype`; marks, scales and what
    else lies beside them are left out."""

    def __init__(self, weights: Weights, dtype: torch.dtype) -> None:
        """Raises UnusableModel for a mark that isn't understood, or that names what no numbers are made of here."""
        self._weights, self._dtype = weights, dtype
        self.metadata = weights.metadata
        self._marks = marks_in(weights.metadata)
        for name in weights.names:
            if name.endswith(MARK):
                self._marks[name.removesuffix(MARK)] = _mark(name, weights.read(name))
            if name.endswith(SCALES_OF_SCALES):
                raise UnusableModel(message("unfit.quantised", how="scales of scales"))
        self.names: Collection[str] = {
            name: None for name in weights.names if not name.endswith((MARK, *SCALES, *BESIDE))
        }.keys()

    def shape(self, name: str) -> tuple[int, ...]:
        return self._weights.shape(name)

    def stored(self, name: str) -> torch.dtype:
        return self._dtype if self._kind(name) else self._weights.stored(name)

    def read(self, name: str) -> Tensor:
        """What has one side is no network's bulk, and is widened at once."""
        tensor, kind = self._weights.read(name), self._kind(name)
        rows = len(tensor) if tensor.dim() else 1
        scale = self._scale(name, rows)
        if not kind:
            return tensor if scale is None else _times(tensor, scale)
        stored = tensor.contiguous().view(torch.uint8).reshape(rows, -1)
        kept = Quantised(stored, kind, tensor.shape, self._dtype, scale, self._group(name))
        return kept if tensor.dim() > 1 else kept.dequantised()

    def _kind(self, name: str) -> str:
        """How a tensor is kept; "" for one that is as it is. Raises UnusableModel where its mark says another thing."""
        stored, mark = self._weights.stored(name), self._mark_of(name)
        if mark is None:
            return _KINDS.get(stored, "")
        if stored in ((torch.uint8, getattr(torch, mark.format)) if mark.format in FLOAT8 else (torch.int8,)):
            return mark.format if mark.format in FLOAT8 else "int8"
        raise UnusableModel(message("weights.not_understood", name=name.removesuffix(_WEIGHT) + MARK))

    def _mark_of(self, name: str) -> LayerMark | None:
        return self._marks.get(name.removesuffix(_WEIGHT)) if name.endswith(_WEIGHT) else None

    def _scale(self, name: str, rows: int) -> Tensor | None:
        layer = name.removesuffix(_WEIGHT)
        ends = (layer + end for end in SCALES if layer != name and layer + end in self._weights.names)
        scale = next((self._weights.read(end) for end in ends), None)
        if scale is None:
            return None
        shaped = scale.numel() == 1 or scale.numel() == rows == len(scale)
        if not shaped or not scale.is_floating_point() or scale.dtype in placing.FLOAT8:
            raise UnusableModel(message("weights.scale", name=name, shape=str(list(scale.shape))))
        return scale.clone().float().reshape(() if scale.numel() == 1 else -1)

    def _group(self, name: str) -> int:
        """In groups of how many inputs the weights are rotated; 0 where they aren't."""
        mark, shape = self._mark_of(name), self.shape(name)
        group = 0 if mark is None else mark.group
        if group and (len(shape) != 2 or shape[1] % group):
            raise UnusableModel(message("unfit.quantised", how=f"convrot of {list(shape)}"))
        return group


def _times(tensor: Tensor, scale: Tensor) -> Tensor:
    """A tensor of wider numbers with its scale, one or one for each row."""
    return (tensor.float() * scale.reshape(-1, *[1] * (tensor.dim() - 1))).to(tensor.dtype)


def with_eight_bits_kept(weights: Weights, dtype: torch.dtype) -> Weights:
    """The same weights where none is of 8 bits or marked."""
    eight = any(weights.stored(name) in _BYTES for name in weights.names)
    return EightBits(weights, dtype) if eight or marks_in(weights.metadata) else weights


def _mark(name: str, tensor: Tensor) -> LayerMark:
    if math.prod(tensor.shape) > MOST_BYTES or tensor.dtype != torch.uint8:
        raise UnusableModel(message("weights.not_understood", name=name))
    return mark_from(bytes(tensor.flatten().tolist()), name)

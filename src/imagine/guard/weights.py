"""Tensors of a safetensors file as arrays: mapped, not read, so that what isn't touched takes no memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..messages import message
from ..registry.header import read_header
from ..words.errors import UnusableModel

Floats = NDArray[np.float32]
MAX_BYTES = 4 * 2**30
"""Of an encoder's file: twice the largest that people use for sentences (BGE-M3, 2.3 GB)."""
_DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I8": "i1", "I32": "<i4", "I64": "<i8"}


class MappedWeights:
    """One file's, under `prefix`; `take` and `rows` raise UnusableModel for what isn't as it should be."""

    def __init__(self, path: Path) -> None:
        header = read_header(path)
        if header.size > MAX_BYTES:
            raise UnusableModel(message("unfit.too_large", most=MAX_BYTES))
        self.size, self.metadata, self.digest, self.prefix = header.size, header.metadata, header.digest, ""
        self._tensors, self._start = header.tensors, header.data_start
        self._bytes = np.memmap(path, np.uint8, mode="r", shape=(header.size,))

    def has(self, name: str) -> bool:
        return self.prefix + name in self._tensors

    def shape(self, name: str) -> tuple[int, ...]:
        """Of a tensor that has to be there."""
        if not self.has(name):
            raise UnusableModel(message("unfit.no_tensor", name=self.prefix + name))
        return self._tensors[self.prefix + name].shape

    def take(self, name: str, shape: Sequence[int]) -> Floats:
        """A tensor of this shape, as float32: a view where it is stored so."""
        if self.shape(name) != tuple(shape):
            raise UnusableModel(message("unfit.tensor_shape", name=self.prefix + name))
        return _as_floats(*self.stored(name))

    def stored(self, name: str) -> tuple[NDArray[Any], str]:
        """A tensor as it lies there, for its rows to be taken, and its dtype by the format's name."""
        shape, info = self.shape(name), self._tensors[self.prefix + name]
        if info.dtype not in _DTYPES:
            raise UnusableModel(message("unfit.dtype", name=self.prefix + name, dtype=info.dtype))
        raw = self._bytes[self._start + info.start : self._start + info.end]
        return np.frombuffer(raw, _DTYPES[info.dtype]).reshape(shape), info.dtype


class EmbeddingTable:
    """A table of which only some rows are needed at a time."""

    def __init__(self, weights: MappedWeights, name: str, width: int | None = None) -> None:
        self._table, self._dtype = weights.stored(name)
        if self._table.ndim != 2 or width not in (None, self._table.shape[1]):
            raise UnusableModel(message("unfit.tensor_shape", name=weights.prefix + name))
        self.count, self.width = self._table.shape

    def __getitem__(self, at: NDArray[np.int64]) -> Floats:
        """Float32, of the shape of `at` with the width behind. Raises UnusableModel for a row that isn't there."""
        if at.size and not 0 <= int(at.min()) <= int(at.max()) < self.count:
            raise UnusableModel(message("guard.vocabulary"))
        return _as_floats(self._table[at], self._dtype)


def _as_floats(array: NDArray[Any], dtype: str) -> Floats:
    if dtype == "BF16":  # the upper half of a float32
        return (array.astype(np.uint32) << 16).view(np.float32)
    return array.astype(np.float32, copy=False)

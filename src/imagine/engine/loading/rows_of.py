"""Other weights under other names, where one network's tensors are rows of another's: views, nothing is copied."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
from torch import Tensor

from .maps.layout import Taken
from .weights import Weights


class RowsOf:
    """Weights that are made of others'. Quantised rows stay as they are stored."""

    def __init__(self, weights: Weights, taken: Mapping[str, Taken]) -> None:
        """`taken`: what each is taken from, by the name that it has here."""
        self._weights, self._taken = weights, taken
        self.metadata = weights.metadata

    @property
    def names(self) -> Collection[str]:
        return self._taken.keys()

    def shape(self, name: str) -> tuple[int, ...]:
        taken = self._taken[name]
        if taken.row:
            return 1, *self._weights.shape(taken.name)
        rows, *rest = self._weights.shape(taken.name)
        return len(range(rows)[taken.start : taken.end]), *rest

    def stored(self, name: str) -> torch.dtype:
        return self._weights.stored(self._taken[name].name)

    def read(self, name: str) -> Tensor:
        taken = self._taken[name]
        whole = self._weights.read(taken.name)
        if taken.row:
            return whole[None]
        if taken.swapped:
            return torch.cat(list(reversed(whole.chunk(2))))
        return whole if taken.end is None and not taken.start else whole[taken.start : taken.end]

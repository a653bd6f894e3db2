"""Other weights under other names, where one network's tensors are rows of another's: views, nothing is copied."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from .weights import Weights


class Taken(NamedTuple):
    """What a tensor is taken from: the rows of the one that is called `name`, from `start` to `end`, None for all."""

    name: str
    start: int = 0
    end: int | None = None
    swapped: bool = False
    """Its halves change places, which copies them."""


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
        rows, *rest = self._weights.shape(taken.name)
        return len(range(rows)[taken.start : taken.end]), *rest

    def stored(self, name: str) -> torch.dtype:
        return self._weights.stored(self._taken[name].name)

    def read(self, name: str) -> Tensor:
        taken = self._taken[name]
        whole = self._weights.read(taken.name)
        if taken.swapped:
            return torch.cat(list(reversed(whole.chunk(2))))
        return whole if taken.end is None and not taken.start else whole[taken.start : taken.end]

"""A small network's batch made in shares of a few rows, each by one thread that works alone.

Threads that work alone meet once a forward, torch's own at every operation (`engine/threads/`). How many rows a share
has follows from the network and the size of the picture alone, not from who else is in the batch or from how many
processors there are: any machine makes the same shares.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ..threads.alone import alone, dealt
from .execution import Execution, Inputs

WORK = 25 * 10**9
"""Of a share at most: weights, times places, times rows. A tenth of a second's; what begins anew with each share, as
laying out the weights, is a fourth of it (measured). Of networks that have more to do for a row, operations are large
enough for torch's own threads."""
MOST = 32
"""Rows of a share, and of a batch."""
_rows: ContextVar[int] = ContextVar("rows", default=0)
_here = threading.local()


def rows_of_share(weights: int, places: int) -> int:
    """For a network of so many weights that are laid on so many places; 0: its batches are made whole, by torch's
    threads."""
    fit = min(MOST, WORK // max(1, weights * places))
    return 1 << (fit.bit_length() - 1) if fit else 0


@contextmanager
def in_shares(rows: int) -> Iterator[None]:
    """For the length of a block, forwards that can be are made in shares of so many rows; 0: whole."""
    token = _rows.set(rows)
    try:
        yield
    finally:
        _rows.reset(token)


def share_rows() -> int:
    """Of how many rows the shares are that `in_shares` says; 0: forwards are made whole."""
    return _rows.get()


def first_row() -> int:
    """Which row of its batch is the first of what this thread is at."""
    return getattr(_here, "first", 0)


class Shared:
    """An `Execution` that has another one's forwards made in shares, where `in_shares` says so."""

    def __init__(self, inner: Execution) -> None:
        self._inner = inner

    def run(self, inputs: Inputs) -> Tensor:
        rows, all_rows = share_rows(), len(inputs.latents)
        if not rows:
            return self._inner.run(inputs)
        with alone():
            if all_rows <= rows:
                return self._inner.run(inputs)
            return torch.cat(dealt([partial(self._share, inputs, first, rows) for first in range(0, all_rows, rows)]))

    def recorded(self) -> Mapping[str, Any]:
        return self._inner.recorded()

    def drop(self) -> None:
        self._inner.drop()

    def _share(self, inputs: Inputs, first: int, rows: int) -> Tensor:
        """The answer of some rows, which lie in memory of their own: where they lay among others decides nothing."""

        def own(value: Any) -> Any:
            if isinstance(value, Tensor):
                return value[first : first + rows].clone()
            return None if value is None else {name: own(each) for name, each in value.items()}

        _here.first = first
        try:
            with torch.inference_mode():
                return self._inner.run(Inputs(*map(own, inputs)))
        finally:
            _here.first = 0

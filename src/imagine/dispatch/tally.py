"""Counts that hold no more than what there is of something, however long they are kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TypeVar

K = TypeVar("K")


def one_less(counts: Counter[K], of: Iterable[K]) -> None:
    """There is one less of each; what there is none of goes."""
    for key in of:
        counts[key] -= 1
        if not counts[key]:
            del counts[key]

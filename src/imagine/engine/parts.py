"""Work in parts: a generator that yields wherever others may have the device, and returns what was made."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TypeVar

T = TypeVar("T")
Parts = Generator[None, None, T]
TURN = 0.1
"""Seconds after which others may have the device: enough to make changing turns cost nothing."""


def whole(parts: Parts[T]) -> T:
    """All of it at once."""
    while True:
        try:
            next(parts)
        except StopIteration as end:
            made: T = end.value
            return made


def in_one(work: Callable[[], T]) -> Parts[T]:
    """`work`, which has no parts."""
    yield from ()
    return work()

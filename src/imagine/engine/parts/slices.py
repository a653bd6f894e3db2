"""Work in slices: a generator that yields wherever others may have the device, and returns what was made."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager
from typing import TypeVar

T = TypeVar("T")
Slices = Generator[None, None, T]
TURN = 0.1
"""Seconds after which others may have the device: enough to make changing turns cost nothing."""


def whole(slices: Slices[T]) -> T:
    """All of it at once."""
    while True:
        try:
            next(slices)
        except StopIteration as end:
            made: T = end.value
            return made


def during(block: Callable[[], AbstractContextManager[None]], slices: Slices[T]) -> Slices[T]:
    """The same slices, each within such a block."""
    while True:
        with block():
            try:
                next(slices)
            except StopIteration as end:
                made: T = end.value
                return made
        yield


def in_one(work: Callable[[], T]) -> Slices[T]:
    """`work`, which has but one."""
    yield from ()
    return work()

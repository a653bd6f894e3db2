"""Evaluations that the device was given and may not have done yet: one more is there for it when it has done one.

So the device never waits for the host, and the host is never more than one evaluation ahead: whoever cancels, comes,
or is owed a turn waits no longer. What an evaluation took is known when it has landed; until then its pictures are
charged what was expected of it, so that nobody gets a turn twice because his last one isn't known yet.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from .device.span import Span
from .turns import Batch


class Launched(NamedTuple):
    """An evaluation of a batch."""

    batch: Batch
    span: Span
    expected: float
    """Seconds that it was to take."""
    usual: bool
    """It tells how long others will take."""


class Flight:
    """What is under way, in order."""

    def __init__(self) -> None:
        self._under_way: deque[Launched] = deque()

    def launch(self, evaluation: Launched) -> None:
        """The device was given all of it."""
        evaluation.span.end()
        self._under_way.append(evaluation)

    def land(self, most: int) -> Iterator[tuple[Launched, float]]:
        """Those that are done and what each took, after waiting until no more than `most` are under way."""
        while len(self._under_way) > most:
            evaluation = self._under_way.popleft()
            yield evaluation, evaluation.span.seconds()

    def clear(self) -> None:
        """Nobody wants to know any more."""
        self._under_way.clear()

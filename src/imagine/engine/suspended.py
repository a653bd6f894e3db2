"""Preparing and developing a picture, a turn at a time: what is begun of it waits here between two turns.

What waits holds memory, of large pictures gigabytes. So one large picture is in work at a time, beside it small ones up
to a certain area; whoever comes meanwhile has to wait, and gives his turn to what is in the way.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .jobs.work import Work
from .parts.slices import TURN, Slices, T

_LARGE = 512**2
"""Pixels: of larger pictures one is in work."""
_ROOM = 1024**2
"""Pixels that all smaller ones in work have together."""


class Suspended:
    """What jobs have begun. Calls come from the engine's thread."""

    def __init__(self, clock: Callable[[], float], synchronize: Callable[[], None], turn: float = TURN) -> None:
        """`synchronize` waits for the device, so that the clock tells how long it was busy."""
        self._clock, self._synchronize, self._turn = clock, synchronize, turn
        self._begun: dict[str, tuple[Work, Slices[Any]]] = {}

    def in_the_way(self, job: Work) -> Work | None:
        """Whose work has to end before this job's can begin."""
        if job.ledger.id in self._begun:
            return None
        large = job.area > _LARGE
        others = [other for other, _ in self._begun.values() if (other.area > _LARGE) == large]
        crowded = bool(others) if large else sum(other.area for other in others) + job.area > _ROOM
        return others[0] if others and crowded else None

    def advance(self, job: Work, begin: Callable[[], Slices[T]], *, whole: bool = False) -> tuple[bool, T | None]:
        """A turn of a job's work, which is begun if it wasn't: whether it is done, and then what was made. Of the
        `whole` of it, however long that takes."""
        _, parts = self._begun.pop(job.ledger.id, (job, None))
        parts = begin() if parts is None else parts
        ends = math.inf if whole else self._clock() + self._turn
        while True:
            try:
                next(parts)
            except StopIteration as end:
                return True, end.value
            self._synchronize()
            if self._clock() >= ends:
                self._begun[job.ledger.id] = (job, parts)
                return False, None

    def drop(self, job: str) -> None:
        """Nobody wants it any more."""
        self._begun.pop(job, None)

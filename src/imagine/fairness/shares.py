"""Seconds of something that several share: who had least of it goes next.

Start-time fair queueing (Goyal, Vin and Cheng 1996): each has a *start*, the seconds it had so far, and the least start
is served next. Nobody's start lies before that of who was served last, so that whoever comes, or comes again, is first
in line, but has saved nothing up: time in which one wanted nothing is nobody's.
"""

from __future__ import annotations


class Shares:
    """The seconds that each name had. Names that had no more than their share are forgotten by themselves."""

    def __init__(self) -> None:
        self._had: dict[str, float] = {}
        self._now = 0.0
        """The start of who was served last."""

    @property
    def now(self) -> float:
        """The start of who was served last: nobody's lies before it."""
        return self._now

    def start(self, name: str) -> float:
        """Where it stands: the least of those who want something is to be served next."""
        return max(self._had.get(name, 0.0), self._now)

    def serve(self, name: str) -> None:
        """It is its turn, as the first in line."""
        self._now = self.start(name)
        self._had = {other: had for other, had in self._had.items() if had > self._now}

    def charge(self, name: str, seconds: float) -> None:
        """It had so many more, in its own turn or in another's."""
        self._had[name] = self.start(name) + seconds

    def forget(self, name: str) -> None:
        """It will not come again."""
        self._had.pop(name, None)

    def clear(self) -> None:
        """Nobody wants anything: what was had before no longer matters."""
        self._had.clear()

    def __len__(self) -> int:
        return len(self._had)

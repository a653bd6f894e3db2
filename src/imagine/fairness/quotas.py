"""What each key used of what it may use in an hour or a day: by a window that slides, so in none of them it is more."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from ..words.keys import KeyLimits

HOUR, DAY = 3600.0, 86400.0
_TOGETHER = 3.0
"""Seconds within which uses are one, of the last moment: many small ones take no more memory than few."""


class KeyUse(msgspec.Struct):
    """What was accepted at a moment, in Unix seconds."""

    at: float
    pictures: int
    work: float
    """In millions of pixels times steps."""


class LimitLeft(NamedTuple):
    """How much is left of one limit."""

    name: str
    """The field of `KeyLimits`."""
    most: int
    used: float
    wait: float
    """Seconds until there is room for what was asked; where there is, until all of it is there again."""

    @property
    def left(self) -> int:
        """Never below 0."""
        return max(0, int(self.most - self.used))


class UsedByKey:
    """The uses of one key in the last day."""

    def __init__(self) -> None:
        self.uses: deque[KeyUse] = deque()

    def add(self, use: KeyUse) -> None:
        """One more: the last, whatever the clock says."""
        last = self.uses[-1] if self.uses else None
        if last is not None and use.at - last.at < _TOGETHER:
            last.at = max(last.at, use.at)
            last.pictures, last.work = last.pictures + use.pictures, last.work + use.work
        else:
            self.uses.append(msgspec.structs.replace(use))

    def give_back(self, use: KeyUse) -> None:
        """It came to nothing."""
        if self.uses:
            self.uses[-1].pictures -= use.pictures
            self.uses[-1].work -= use.work

    def left(self, limits: KeyLimits, wanted: KeyUse) -> Iterator[LimitLeft]:
        """Of each limit on hours and days, where that is wanted at its moment."""
        while self.uses and self.uses[0].at <= wanted.at - DAY:
            self.uses.popleft()
        for name, most, of_work, period in _windows(limits):
            within = [
                (use.at, use.work if of_work else use.pictures) for use in self.uses if use.at > wanted.at - period
            ]
            used, more = sum(amount for _, amount in within), wanted.work if of_work else wanted.pictures
            too_many = used + more - most
            wait, gone = period if more > most else 0.0, 0.0
            for at, amount in within:
                if gone >= too_many > 0:
                    break
                gone, wait = gone + amount, max(wait, at + period - wanted.at)
            yield LimitLeft(name, most, used, wait)


def _windows(limits: KeyLimits) -> Iterator[tuple[str, int, bool, float]]:
    for name, most, of_work, period in (
        ("pictures_per_hour", limits.pictures_per_hour, False, HOUR),
        ("pictures_per_day", limits.pictures_per_day, False, DAY),
        ("megapixel_steps_per_hour", limits.megapixel_steps_per_hour, True, HOUR),
        ("megapixel_steps_per_day", limits.megapixel_steps_per_day, True, DAY),
    ):
        if most is not None:
            yield name, most, of_work, period

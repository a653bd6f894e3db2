"""What each key used of what it may use in an hour or a day: by a window that slides, so in none of them it is more."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from ..words.keys import KeyLimits

HOUR, DAY = 3600.0, 86400.0
_TOGETHER = 3.0
"""Seconds within which uses are one, of their last moment: many small ones take no more memory than few."""


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
        self._since = 0.0
        """When the last of them began."""

    def add(self, use: KeyUse) -> None:
        """One more: the last, whatever the clock says."""
        last = self.uses[-1] if self.uses else None
        if last is not None and use.at - self._since < _TOGETHER:
            last.at = max(last.at, use.at)
            last.pictures, last.work = last.pictures + use.pictures, last.work + use.work
        else:
            self.uses.append(msgspec.structs.replace(use))
            self._since = use.at

    def give_back(self, use: KeyUse) -> None:
        """It came to nothing."""
        if (taken := next((each for each in self.uses if each.at >= use.at), None)) is not None:
            taken.pictures -= use.pictures
            taken.work -= use.work

    def left(self, limits: KeyLimits, wanted: KeyUse) -> Iterator[LimitLeft]:
        """Of each limit on hours and days, where that is wanted at its moment."""
        self._turn_back(wanted.at)
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

    def _turn_back(self, now: float) -> None:
        """What a clock that was ahead called later was no later than now: else it would stay until then."""
        self._since = min(self._since, now)
        for use in reversed(self.uses):
            if use.at <= now:
                break
            use.at = now


def bounds_time(limits: KeyLimits) -> bool:
    """Do they say how much may be used in an hour, or a day?"""
    return any(True for _ in _windows(limits))


def _windows(limits: KeyLimits) -> Iterator[tuple[str, int, bool, float]]:
    for name, most, of_work, period in (
        ("pictures_per_hour", limits.pictures_per_hour, False, HOUR),
        ("pictures_per_day", limits.pictures_per_day, False, DAY),
        ("megapixel_steps_per_hour", limits.megapixel_steps_per_hour, True, HOUR),
        ("megapixel_steps_per_day", limits.megapixel_steps_per_day, True, DAY),
    ):
        if most is not None:
            yield name, most, of_work, period

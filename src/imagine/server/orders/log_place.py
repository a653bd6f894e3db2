"""A point in the log of an order that lasts, as an event's id tells it: what comes behind it is found again anywhere.

It says all that is needed to go on: which log it stood in, its number there, and which pictures had been told of by
then. A log that is gone, with the process or with its last reader, is made up for by another.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ...words.events import Failed, Finished
from .event_log import OrderEvent
from .order import LastingPart

_PLACE = re.compile(r"([0-9a-f]{8})\.([0-9]{1,12})\.([0-9a-f]{1,32})(\.end)?")


class LogPlace(NamedTuple):
    """A point between two events."""

    epoch: str
    """Which log."""
    number: int
    """The last event's there."""
    told: int
    """The pictures that were told of: the bit of each."""
    is_end: bool = False

    def __str__(self) -> str:
        return f"{self.epoch}.{self.number}.{self.told:x}" + ".end" * self.is_end

    def behind(self, event: OrderEvent) -> tuple[LogPlace, bool]:
        """The point behind an event; and whether it is a picture's that was told of before."""
        if not isinstance(event.report, Finished | Failed):
            return self._replace(number=event.number), False
        bit = 1 << event.index
        return self._replace(number=event.number, told=self.told | bit), bool(self.told & bit)


def place_from(said: str) -> LogPlace | None:
    """The point that an event's id tells; None for what is none."""
    matched = _PLACE.fullmatch(said)
    if matched is None:
        return None
    epoch, number, told, end = matched.groups()
    return LogPlace(epoch, int(number), int(told, 16), end is not None)


def beginning(lasting: LastingPart, after: LogPlace | None) -> LogPlace:
    """Where who had all up to `after` begins to read."""
    if after is not None and after.epoch == lasting.epoch:
        return after
    return LogPlace(lasting.epoch, 0, 0 if after is None else after.told)

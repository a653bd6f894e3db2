"""What happened to one order, numbered: read from any point by any number of readers, within bounds.

What a newer event makes up for (a place in the queue, a step, a preview) stays only for those who read already and have
not come to it; a reader that lags finds gaps in the numbers, never the end missing. Pictures stay, for who comes later;
but where an order ends with its connection nobody does, and a picture goes once it was read.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, Callable, Iterator

import msgspec

from ...words.events import Finished, Loading, Preview, Progress, Queued
from ...words.frames import JobReport

MOST_EVENTS = 256
MOST_BYTES = 4 * 2**20
"""Of previews that wait for their readers. Both bounds are for each picture of an order."""
_NEWS = (Queued, Loading, Progress, Preview)


class OrderEvent(msgspec.Struct, frozen=True):
    """Something that happened to picture `index` of an order; numbers begin at 1 and only grow."""

    number: int
    index: int
    report: JobReport
    stored: str = ""
    """The name that a finished picture is kept under, where that was asked for."""


class _LogReader:
    def __init__(self, since: int) -> None:
        self.number = since
        """Of the last event that it was given."""
        self.news = asyncio.Event()


class EventLog:
    """The events of an order of so many pictures. `keeps`: do these stay once they were read?

    Used from one event loop.
    """

    def __init__(self, pictures: int = 1, *, keeps: bool) -> None:
        self._keeps = keeps
        self._most = MOST_EVENTS * pictures
        self._most_bytes = MOST_BYTES * pictures
        self._events: dict[int, OrderEvent] = {}
        self._newest: dict[tuple[int, type[JobReport]], int] = {}
        """By picture and kind of news: the number of the last."""
        self._done: set[int] = set()
        self._readers: list[_LogReader] = []
        self._last = 0
        self._preview_bytes = 0
        self._picture_bytes = 0
        self._failure: Callable[[], Exception] | None = None
        self.ended = False

    def __len__(self) -> int:
        """How many events are held."""
        return len(self._events)

    @property
    def held_bytes(self) -> int:
        """What the pictures and previews take that are held."""
        return self._preview_bytes + self._picture_bytes

    def add(self, index: int, report: JobReport, stored: str = "") -> None:
        """Adds what happened; ignored after the end."""
        if self.ended:
            return
        self._last += 1
        self._events[self._last] = OrderEvent(self._last, index, report, stored)
        self._weigh(report, 1)
        self._newest[index, type(report)] = self._last
        if isinstance(report, Finished):
            self._done.add(index)
        self._forget_read()
        self._keep_bounds()
        self._wake()

    def withhold(self, index: int) -> None:
        """A picture isn't to be shown: whoever hasn't read its previews doesn't any more."""
        self._done.add(index)
        for event in [
            each for each in self._events.values() if each.index == index and isinstance(each.report, Preview)
        ]:
            self._drop(event)

    def end(self, failure: Callable[[], Exception] | None = None) -> None:
        """Nothing follows; `failure` makes what every reader is to be raised then."""
        self.ended, self._failure = True, failure
        self._wake()

    async def read(self, since: int = 0) -> AsyncGenerator[OrderEvent]:
        """The events after number `since`, as they happen, up to the end. Raises what the order failed with."""
        reader = _LogReader(since)
        self._readers.append(reader)
        try:
            while (event := self._after(reader.number)) is not None or not self.ended:
                if event is None:
                    reader.news.clear()
                    await reader.news.wait()
                    continue
                reader.number = event.number
                self._forget_read()
                yield event
        finally:
            self._readers.remove(reader)
        if self._failure is not None:
            raise self._failure()

    def _after(self, number: int) -> OrderEvent | None:
        if number >= self._last:
            return None
        following = self._events.get(number + 1)
        return following or next((event for event in self._events.values() if event.number > number), None)

    def _wake(self) -> None:
        for reader in self._readers:
            reader.news.set()

    def _forget_read(self) -> None:
        """Lets go of what everybody who reads has had, and nobody who comes later needs."""
        nobody = self._last if self._keeps else 0  # an order that ends with its connection waits for its first reader
        read = min((reader.number for reader in self._readers), default=nobody)
        had = itertools.takewhile(lambda event: event.number <= read, self._events.values())
        for event in [event for event in had if self._is_needless(event)]:
            self._drop(event)

    def _is_needless(self, event: OrderEvent) -> bool:
        """Is there something newer in its place, or nobody who may come for it?"""
        if not isinstance(event.report, _NEWS):
            return not self._keeps
        return event.index in self._done or self._newest[event.index, type(event.report)] != event.number

    def _keep_bounds(self) -> None:
        """Beyond the bounds the oldest goes of what a newer one makes up for, whoever lags."""
        while self._preview_bytes > self._most_bytes and self._drop_oldest(Preview):
            continue
        while len(self._events) > self._most and self._drop_oldest(*_NEWS):
            continue

    def _drop_oldest(self, *kinds: type[JobReport]) -> bool:
        old = next(self._older(kinds), None)
        if old is not None:
            self._drop(old)
        return old is not None

    def _older(self, kinds: tuple[type[JobReport], ...]) -> Iterator[OrderEvent]:
        return (
            event for event in self._events.values() if isinstance(event.report, kinds) and event.number < self._last
        )

    def _drop(self, event: OrderEvent) -> None:
        del self._events[event.number]
        self._weigh(event.report, -1)

    def _weigh(self, report: JobReport, sign: int) -> None:
        if isinstance(report, Preview):
            self._preview_bytes += sign * len(report.data)
        elif isinstance(report, Finished):
            self._picture_bytes += sign * len(report.data)

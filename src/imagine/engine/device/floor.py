"""Which of the networks that wait in main memory are on the device: those that worked last, as many as have room.

Nobody has to say when one may go: it goes when another one works that there would be no room for beside it.
"""

from __future__ import annotations

import threading
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol


class Visitor(Protocol):
    """A network that comes to the device to work there."""

    @property
    def nbytes(self) -> int:
        """Bytes that it takes there, whether it is there or not."""

    def enter(self) -> None:
        """Come. Raises what torch does where it doesn't fit; then nothing of it is there."""

    def leave(self) -> None:
        """Go, and leave nothing there."""


class Floor:
    """Of one device. Several threads may work there: who is at work stays."""

    def __init__(self, room: Callable[[], int]) -> None:
        """`room` says how many bytes all that are there may take together, at present."""
        self.room = room
        self._there: list[weakref.ref[Visitor]] = []
        """That which worked last is the last. One whose model went is gone with it."""
        self._latest: weakref.ref[Visitor] | None = None
        """That which was taken last, whether it fitted or not."""
        self._working: Counter[int] = Counter()
        self._changed = threading.Condition()

    @property
    def nbytes(self) -> int:
        """Bytes of those that are there."""
        return sum(visitor.nbytes for visitor in self._visitors())

    def has(self, visitor: Visitor) -> bool:
        return any(each is visitor for each in self._visitors())

    @contextmanager
    def hosting(self, visitor: Visitor) -> Iterator[None]:
        """For the length of a block it is there."""
        self.take(visitor)
        try:
            yield
        finally:
            self.give(visitor)

    def take(self, visitor: Visitor) -> None:
        """From now on it is at work there. Others leave for it, and those at work are waited for."""
        with self._changed:
            self._latest = weakref.ref(visitor)
            if not self.has(visitor):
                self._make_room(visitor.nbytes)
                visitor.enter()
            self._there = [each for each in self._there if each() not in (None, visitor)]
            self._there.append(weakref.ref(visitor))
            self._working[id(visitor)] += 1

    def give(self, visitor: Visitor) -> None:
        """It has done what it was taken for once."""
        with self._changed:
            self._working -= Counter([id(visitor)])
            self._changed.notify_all()

    def settle(self) -> None:
        """Have those leave that have done their work and are more than there is room for: one that is larger than the
        room comes all the same, and would stay beside what works next."""
        with self._changed:
            while self.nbytes > self.room() and (idle := self._idle()):
                self._dismiss(idle[0])

    def clear(self) -> bool:
        """Have all leave that aren't at work; False where none makes room by that: whoever was taken last is what
        memory ran out for, and comes again with the next try."""
        with self._changed:
            latest, idle = self._latest and self._latest(), self._idle()
            for visitor in idle:
                self._dismiss(visitor)
            return any(visitor is not latest for visitor in idle)

    def _make_room(self, nbytes: int) -> None:
        while self._visitors() and self.nbytes + nbytes > self.room():
            if idle := self._idle():
                self._dismiss(idle[0])
            else:
                self._changed.wait()

    def _dismiss(self, visitor: Visitor) -> None:
        self._there = [each for each in self._there if each() is not visitor]
        visitor.leave()

    def _idle(self) -> list[Visitor]:
        return [visitor for visitor in self._visitors() if id(visitor) not in self._working]

    def _visitors(self) -> list[Visitor]:
        return [visitor for each in self._there if (visitor := each()) is not None]

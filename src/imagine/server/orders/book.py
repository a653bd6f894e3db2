"""Where orders stand written: the door to what outlives them. In memory now."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from .order import Order

KEPT = 600.0
"""Seconds for which an order that has ended is still known."""
MOST_BYTES = 64 * 2**20
"""Of the pictures of orders that have ended; the last one stays whatever it takes."""


class Book(Protocol):
    """The orders there are, by their ids."""

    async def put(self, order: Order) -> None:
        """Writes down a new order, or what became of one; it is as safe as this book makes it once this returns."""

    def get(self, order: str) -> Order | None:
        """The order of that id."""

    def list(self) -> list[Order]:
        """All of them, in the order they came."""

    def drop(self, order: str) -> None:
        """Forgets one; that it isn't there is no error."""


class MemoryBook:
    """A `Book` that goes with the process. What ended stays for `kept` seconds, and in `most_bytes` altogether."""

    def __init__(
        self, *, kept: float = KEPT, most_bytes: int = MOST_BYTES, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._kept = kept
        self._most_bytes = most_bytes
        self._clock = clock
        self._orders: dict[str, Order] = {}
        self._ended: dict[str, float] = {}
        """When each of those that have ended did, the oldest first."""

    async def put(self, order: Order) -> None:
        """Nothing here outlives the process."""
        self._orders[order.id] = order
        if order.state != "open":
            self._ended[order.id] = self._clock()
        self._forget_old()

    def get(self, order: str) -> Order | None:
        """The order of that id."""
        self._forget_old()
        return self._orders.get(order)

    def list(self) -> list[Order]:
        """All of them, in the order they came."""
        self._forget_old()
        return list(self._orders.values())

    def drop(self, order: str) -> None:
        """Forgets one."""
        self._orders.pop(order, None)
        self._ended.pop(order, None)

    def _forget_old(self) -> None:
        if not self._ended:
            return
        held = sum(self._orders[order].log.held_bytes for order in self._ended)
        for order, ended_at in list(self._ended.items()):
            is_old = self._clock() - ended_at >= self._kept
            if not is_old and (held <= self._most_bytes or len(self._ended) == 1):
                break
            held -= self._orders[order].log.held_bytes
            self.drop(order)

"""Who goes next: the client that had least of the devices, each client's own jobs in the order they came."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterator
from itertools import count
from typing import Generic, TypeVar

from ..fairness.shares import Shares

T = TypeVar("T")


class FairQueue(Generic[T]):
    """Waiting items by client. Iterating gives them in the order they would be taken."""

    def __init__(self, cost: Callable[[T], float] = lambda _: 1.0) -> None:
        """`cost` is how many seconds an item is expected to take, which its client is charged when it is taken."""
        self._cost = cost
        self._clients: dict[str, deque[T]] = {}
        self._turns: dict[str, int] = {}
        """Where each stands among those who had equally much."""
        self._numbers = count()
        self._shares = Shares()
        self._size = 0
        self.seconds = 0.0
        """What all that waits is expected to take."""

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[T]:
        line = [(self._shares.start(client), self._turns[client], client, 0) for client in self._clients]
        heapq.heapify(line)
        numbers = count(max(self._turns.values(), default=0) + 1)
        while line:
            start, _, client, place = heapq.heappop(line)
            items = self._clients[client]
            yield items[place]
            if place + 1 < len(items):
                heapq.heappush(line, (start + self._cost(items[place]), next(numbers), client, place + 1))

    def count_of(self, client: str) -> int:
        """How many items wait for it."""
        return len(self._clients.get(client, ()))

    def push(self, client: str, item: T) -> None:
        """Adds an item behind the client's others."""
        self._items(client).append(item)
        self._came(item)

    def put_back(self, client: str, item: T) -> None:
        """Returns an item that was taken: it is the client's next, and the client's turn comes first."""
        self._items(client).appendleft(item)
        self._turns[client] = min(self._turns.values()) - 1
        self._shares.charge(client, -self._cost(item))
        self._came(item)

    def take(self, may: Callable[[str], bool] = lambda _: True) -> T | None:
        """The next item of the first client in turn that `may`; None if there is none."""
        client = min(filter(may, self._clients), key=self._place, default=None)
        if client is None:
            return None
        self._shares.serve(client)
        item = self._clients[client].popleft()
        self._shares.charge(client, self._cost(item))
        self._turns[client] = next(self._numbers)
        self._went(client, item)
        return item

    def charge(self, client: str, seconds: float) -> None:
        """It had so much more, or less, than was expected."""
        self._shares.charge(client, seconds)

    def even(self) -> None:
        """Nobody wants anything: what was had before no longer matters."""
        self._shares.clear()

    def remove(self, client: str, item: T) -> None:
        """Takes an item out of its turn. Raises ValueError if it isn't there."""
        self._clients.get(client, deque()).remove(item)
        self._went(client, item)

    def _place(self, client: str) -> tuple[float, int]:
        return self._shares.start(client), self._turns[client]

    def _items(self, client: str) -> deque[T]:
        if client not in self._clients:
            self._clients[client], self._turns[client] = deque(), next(self._numbers)
        return self._clients[client]

    def _came(self, item: T) -> None:
        self._size += 1
        self.seconds += self._cost(item)

    def _went(self, client: str, item: T) -> None:
        self._size -= 1
        self.seconds = self.seconds - self._cost(item) if self._size else 0.0
        if not self._clients[client]:
            del self._clients[client], self._turns[client]

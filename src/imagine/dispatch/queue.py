"""Who goes next: the client that had least of the devices for its weight, each client's own jobs by their turn.

What can wait stands further behind than its client, by as much as it takes more of its client's share: others pass it
for that long, and never for ever, since it stands still while they go on.
"""

from __future__ import annotations

import heapq
from bisect import insort
from collections.abc import Callable, Iterator
from itertools import count
from typing import Generic, NamedTuple, TypeVar

from ..fairness.shares import Shares

T = TypeVar("T")
P = TypeVar("P")


class _InLine(NamedTuple, Generic[T]):
    """Where an item stands among its client's."""

    turn: float
    number: int
    """Of its coming, where turns are equal."""
    due: float
    """Of the shares' time: not before this, unless nobody else wants anything."""
    item: T

    def __lt__(self, other: tuple[object, ...]) -> bool:
        return self[:2] < other[:2]


class FairQueue(Generic[T]):
    """Waiting items by client. Iterating gives them in the order they would be taken."""

    def __init__(
        self,
        cost: Callable[[T], float] = lambda _: 1.0,
        *,
        turn: Callable[[T], float] = lambda _: 0.0,
        delay: Callable[[T], float] = lambda _: 0.0,
    ) -> None:
        """`cost` is how many seconds an item is expected to take, by its weight, which its client is charged when it is
        taken. A client's own go by their `turn`; `delay` is for how many seconds others may pass an item."""
        self._cost = cost
        self._turn_of = turn
        self._delay = delay
        self._clients: dict[str, list[_InLine[T]]] = {}
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
        """As `take`, on copies: places only grow with the shares' time; one that was looked at too early goes back."""
        line = [(*self._place(client), client, 0) for client in self._clients]
        starts = {client: self._shares.start(client) for client in self._clients}
        now = self._shares.now
        heapq.heapify(line)
        numbers = count(max(self._turns.values(), default=0) + 1)
        while line:
            looked_at, turn, client, at = heapq.heappop(line)
            here, start = self._clients[client][at], max(starts[client], now)
            if (place := max(start, here.due)) > looked_at:
                heapq.heappush(line, (place, turn, client, at))
                continue
            yield here.item
            now, starts[client] = start, start + self._cost(here.item)
            if at + 1 < len(self._clients[client]):
                following = max(starts[client], self._clients[client][at + 1].due)
                heapq.heappush(line, (following, next(numbers), client, at + 1))

    def count_of(self, client: str) -> int:
        """How many items wait for it."""
        return len(self._clients.get(client, ()))

    def push(self, client: str, item: T) -> None:
        """Adds an item where its turn is among the client's others, behind those of the same."""
        due = self._shares.now + self._delay(item)
        self._add(client, _InLine(self._turn_of(item), next(self._numbers), due, item))

    def put_back(self, client: str, item: T) -> None:
        """Returns an item that was taken: it is the client's next of its turn, and the client's turn comes first."""
        self._add(client, _InLine(self._turn_of(item), -next(self._numbers), self._shares.now, item))
        self._turns[client] = min(self._turns.values()) - 1
        self._shares.charge(client, -self._cost(item))

    def take(self, may: Callable[[str], bool] = lambda _: True) -> T | None:
        """The next item of the first client in turn that `may`; None if there is none."""
        taken = self.take_to(lambda client, _: may(client) or None)
        return None if taken is None else taken[0]

    def take_to(self, place: Callable[[str, T], P | None]) -> tuple[T, P] | None:
        """The first item for which there is a place, and that; None if there is none.

        Clients are asked in turn, each for its own in order: what has to wait is passed, and keeps its turn.
        """
        line = [(*self._place(client), client) for client in self._clients]
        heapq.heapify(line)
        while line:
            *_, client = heapq.heappop(line)
            for index, waiting in enumerate(self._clients[client]):
                if (found := place(client, waiting.item)) is not None:
                    self._serve(client, index)
                    return waiting.item, found
        return None

    def _serve(self, client: str, index: int) -> None:
        self._shares.serve(client)
        item = self._clients[client].pop(index).item
        self._shares.charge(client, self._cost(item))
        self._turns[client] = next(self._numbers)
        self._went(client, item)

    def charge(self, client: str, seconds: float) -> None:
        """It had so much more, or less, than was expected."""
        self._shares.charge(client, seconds)

    def even(self) -> None:
        """Nobody wants anything: what was had before no longer matters."""
        self._shares.clear()

    def remove(self, client: str, item: T) -> None:
        """Takes an item out of its turn. Raises ValueError if it isn't there."""
        items = self._clients.get(client, [])
        del items[[place.item for place in items].index(item)]
        self._went(client, item)

    def _place(self, client: str) -> tuple[float, int]:
        return max(self._shares.start(client), self._clients[client][0].due), self._turns[client]

    def _add(self, client: str, place: _InLine[T]) -> None:
        if client not in self._clients:
            self._clients[client], self._turns[client] = [], next(self._numbers)
        insort(self._clients[client], place)
        self._size += 1
        self.seconds += self._cost(place.item)

    def _went(self, client: str, item: T) -> None:
        self._size -= 1
        self.seconds = self.seconds - self._cost(item) if self._size else 0.0
        if not self._clients[client]:
            del self._clients[client], self._turns[client]

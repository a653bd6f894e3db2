"""Who goes next: one job of each client in turn, each client's own in the order they came."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class FairQueue(Generic[T]):
    """Waiting items by client. Iterating gives them in the order they would be taken."""

    def __init__(self) -> None:
        self._clients: OrderedDict[str, deque[T]] = OrderedDict()
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[T]:
        rounds = [iter(items) for items in self._clients.values()]
        while rounds:
            left = []
            for items in rounds:
                for item in items:
                    yield item
                    left.append(items)
                    break
            rounds = left

    def push(self, client: str, item: T) -> None:
        """Adds an item behind the client's others."""
        self._clients.setdefault(client, deque()).append(item)
        self._size += 1

    def put_back(self, client: str, item: T) -> None:
        """Returns an item that was taken: it is the client's next, and the client's turn comes first."""
        self._clients.setdefault(client, deque()).appendleft(item)
        self._clients.move_to_end(client, last=False)
        self._size += 1

    def take(self, may: Callable[[str], bool] = lambda _: True) -> T | None:
        """The next item of the first client in turn that `may`; None if there is none."""
        client = next((client for client in self._clients if may(client)), None)
        if client is None:
            return None
        items = self._clients[client]
        item = items.popleft()
        self._size -= 1
        self._clients.move_to_end(client)
        if not items:
            del self._clients[client]
        return item

    def remove(self, client: str, item: T) -> None:
        """Takes an item out of its turn. Raises ValueError if it isn't there."""
        items = self._clients.get(client, deque())
        items.remove(item)
        self._size -= 1
        if not items:
            del self._clients[client]

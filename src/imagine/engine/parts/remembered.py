"""What an encoder made, the latest of it, within so many bytes; the very last whatever it takes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Remembered(Generic[K, V]):
    """By what it was made of."""

    def __init__(self, most: int, size: Callable[[V], int]) -> None:
        """`size` tells the bytes of what was made."""
        self._most, self._size = most, size
        self._made: OrderedDict[K, V] = OrderedDict()
        self.nbytes = 0
        """Of all of it."""

    def __len__(self) -> int:
        return len(self._made)

    def find(self, key: K) -> V | None:
        """What was made of that; now the last that will be forgotten."""
        if key not in self._made:
            return None
        self._made.move_to_end(key)
        return self._made[key]

    def keep(self, key: K, made: V) -> V:
        """`made`, and the latest others that fit beside it. Somebody else may have kept the same meanwhile."""
        if (other := self._made.pop(key, None)) is not None:
            self.nbytes -= self._size(other)
        self._made[key] = made
        self.nbytes += self._size(made)
        while self.nbytes > self._most and len(self._made) > 1:
            self.nbytes -= self._size(self._made.popitem(last=False)[1])
        return made

    def clear(self) -> None:
        self._made.clear()
        self.nbytes = 0

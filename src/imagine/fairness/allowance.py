"""Bytes shared between requests: their bodies and pictures are held all together within one bound."""

from __future__ import annotations

import sys

from ..messages import message
from ..words.errors import Busy

MAX_TOTAL = 256 * 2**20
"""Bytes of bodies, and of the pictures that came in them, that are held at one time."""
_PATIENCE = 5.0
"""Seconds after which to try again where too many came at once."""


def size_of(value: object) -> int:
    """Bytes that a value takes which was read from JSON."""
    parts = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []
    return sys.getsizeof(value) + sum(map(size_of, parts))


class Allowance:
    """What all requests together may hold."""

    def __init__(self, total: int = MAX_TOTAL) -> None:
        self._left = total

    def holding(self) -> Holding:
        """One request's part of it, nothing yet."""
        return Holding(self)

    def take(self, size: int) -> None:
        """Raises Busy where there isn't so much."""
        if size > self._left:
            raise Busy(message("busy.bodies", seconds=_PATIENCE), retry_after=_PATIENCE)
        self._left -= size


class Holding:
    """What one request holds; leaving it as a context gives all of it back."""

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance
        self._size = 0

    def __enter__(self) -> Holding:
        return self

    def __exit__(self, *_: object) -> None:
        self.hold(0)

    def hold(self, size: int) -> None:
        """Holds `size` bytes from now on. Raises Busy where there isn't so much."""
        self._allowance.take(size - self._size)
        self._size = size

    def moved(self) -> Holding:
        """Another that holds all of it from now on; this one holds nothing then."""
        other = Holding(self._allowance)
        other._size, self._size = self._size, 0
        return other

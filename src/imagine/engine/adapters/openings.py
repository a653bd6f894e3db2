"""Files that are opened in slices, each once for all who want it: whoever of them has a turn goes on with it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable
from typing import Generic, TypeVar
from weakref import WeakValueDictionary

T = TypeVar("T")


class Openings(Generic[T]):
    """Those that somebody waits for. Calls come from the engine's thread."""

    def __init__(self) -> None:
        self._openings: WeakValueDictionary[Hashable, _OpeningForAll[T]] = WeakValueDictionary()

    def opened(self, key: Hashable, begin: Callable[[], Generator[None, None, T]]) -> Generator[None, None, T]:
        """What the slices of `begin` give, which are another's where what is equal by `key` is on its way. Raises what
        they raise, where these slices were at it."""
        opening = self._openings.get(key)
        if opening is None or opening.failed:
            opening = self._openings[key] = _OpeningForAll(begin())
        while not opening.made:
            if opening.failed:  # for another, who was told why
                return (yield from self.opened(key, begin))
            opening.advance()
            yield
        return opening.made[0]


class _OpeningForAll(Generic[T]):
    """One on its way."""

    def __init__(self, slices: Generator[None, None, T]) -> None:
        self._slices = slices
        self.made: list[T] = []
        """What was opened, once it is."""
        self.failed = False

    def advance(self) -> None:
        try:
            next(self._slices)
        except StopIteration as end:
            self.made.append(end.value)
        except BaseException:
            self.failed = True
            raise

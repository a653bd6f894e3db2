"""What is there beside models, of whatever kind: each beside its model, for as long as that is there and nobody wants
the memory; the least recently used goes first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, Protocol, TypeVar
from weakref import WeakKeyDictionary, WeakValueDictionary


class KeptSource(Protocol):
    """What was read of a file, once for all models that anything of it goes beside."""

    @property
    def nbytes(self) -> int:
        """Bytes that it takes at present."""


S = TypeVar("S", bound=KeptSource)


class Kept:
    """By model, and there by what they are. What is kept holds its source. Calls come from the engine's thread."""

    def __init__(self) -> None:
        self._uses = count(1)
        self._sources: WeakValueDictionary[str, Any] = WeakValueDictionary()
        self._kept: WeakKeyDictionary[Any, dict[str, tuple[int, Any]]] = WeakKeyDictionary()
        """Each with the number of its last use, of all that there were of any."""
        self._alive: WeakKeyDictionary[Any, WeakValueDictionary[str, Any]] = WeakKeyDictionary()
        """Those of `_kept`, and those that had to make way and that a picture still has."""

    @property
    def nbytes(self) -> int:
        """Bytes of all of them. Any thread may ask."""
        sources = [reference() for reference in self._sources.valuerefs()]
        return sum(source.nbytes for source in sources if source is not None)

    def source(self, identity: str, read: Callable[[], S]) -> S:
        """The source that is equal where `identity` is, which is read where it isn't there."""
        there: S | None = self._sources.get(identity)
        if there is None:
            there = self._sources[identity] = read()
        return there

    def shared(self, identity: str) -> Any:
        """The source that is equal where `identity` is; None where it isn't there."""
        return self._sources.get(identity)

    def find(self, model: object, identity: str) -> Any:
        """What is there beside the model, and used now; None where nothing is."""
        alive = self._alive.get(model)
        there = None if alive is None else alive.get(identity)
        return None if there is None else self.add(model, identity, there)

    def add(self, model: object, identity: str, thing: Any) -> Any:
        """It is there beside the model from now on, and used now; where another is, that one."""
        there = self._alive.setdefault(model, WeakValueDictionary()).setdefault(identity, thing)
        self._kept.setdefault(model, {})[identity] = next(self._uses), there
        return there

    def make_way(self) -> bool:
        """Let go of what was used least recently and no picture has; False where nothing would be freed."""
        before = self.nbytes
        for used, model, identity in sorted(self._all(), key=lambda one: one[0]):
            del self._kept[model][identity]
            if self.nbytes < before:
                return True
            if (there := self._alive[model].get(identity)) is not None:  # a picture has it
                self._kept[model][identity] = used, there
        return False

    def _all(self) -> Iterator[tuple[int, Any, str]]:
        return ((used, model, identity) for model, kept in self._kept.items() for identity, (used, _) in kept.items())

"""The adapters that are there: each file read once for all models, and beside each model for as long as that is there
and nobody wants the memory."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from itertools import count
from typing import Protocol
from weakref import WeakKeyDictionary, WeakValueDictionary

from ...identity.stamp import unchanged
from ...messages import message
from ...words.errors import ModelChanged, Unsupported
from ...words.model import AdapterUse, Component
from .adapter import Adapter, AdapterFile, Networks
from .mix import Mix, Strengths, mix_of

AdapterReader = Callable[[Component], AdapterFile]
"""What is an adapter's file."""


class Adaptable(Protocol):
    """A loaded model."""

    @property
    def networks(self) -> Networks: ...


class Opened:
    """By model, and there by what they are. Calls come from the engine's thread."""

    def __init__(self, readers: Mapping[str, AdapterReader]) -> None:
        """`readers` by the kind that an `AdapterUse` says."""
        self._readers = readers
        self._uses = count(1)
        self._files: WeakValueDictionary[str, AdapterFile] = WeakValueDictionary()
        self._kept: WeakKeyDictionary[Adaptable, dict[str, Adapter]] = WeakKeyDictionary()
        self._alive: WeakKeyDictionary[Adaptable, WeakValueDictionary[str, Adapter]] = WeakKeyDictionary()
        """Those of `_kept`, and those that had to make way and that a picture still has."""

    @property
    def nbytes(self) -> int:
        """Bytes of all of them."""
        return sum(file.nbytes for file in self._files.values())

    def mix(self, uses: Iterable[AdapterUse], model: Adaptable) -> Generator[None, None, Mix]:
        """What a picture asks for beside `model`, in slices. Raises Unsupported, UnusableModel, ModelChanged."""
        weighed: list[tuple[Adapter, Strengths]] = []
        for use in uses:
            adapter = yield from self._adapter(use, model)
            adapter.used = next(self._uses)
            weighed.append((adapter, Strengths(use.weight, use.clip_weight)))
        return mix_of(weighed)

    def make_way(self) -> bool:
        """Let go of what was used least recently and no picture has; False where nothing would be freed."""
        before = self.nbytes
        for _, model, identity in sorted(self._all(), key=lambda one: one[0]):
            del self._kept[model][identity]
            if self.nbytes < before:
                return True
            if (adapter := self._alive[model].get(identity)) is not None:  # a picture has it
                self._kept[model][identity] = adapter
        return False

    def _all(self) -> Iterator[tuple[int, Adaptable, str]]:
        return (
            (adapter.used, model, identity) for model, kept in self._kept.items() for identity, adapter in kept.items()
        )

    def _adapter(self, use: AdapterUse, model: Adaptable) -> Generator[None, None, Adapter]:
        alive = self._alive.setdefault(model, WeakValueDictionary())
        adapter = alive.get(use.identity)
        if adapter is None:
            made = yield from self._opened(use, model.networks)
            adapter = alive.setdefault(use.identity, made)  # another picture's may have come first
        self._kept.setdefault(model, {})[use.identity] = adapter
        return adapter

    def _opened(self, use: AdapterUse, networks: Networks) -> Generator[None, None, Adapter]:
        file = self._files.get(use.identity)
        if file is None:
            file = self._files[use.identity] = self._read(use)
        bound = yield from file.bind(use.name, networks)
        if not unchanged(use.component.files):
            raise ModelChanged(message("adapter.replaced", name=use.name))
        return Adapter(use.component.digest, bound, networks, file)

    def _read(self, use: AdapterUse) -> AdapterFile:
        reader = self._readers.get(use.kind)
        if reader is None:
            raise Unsupported(message("adapter.kind", kind=use.kind))
        return reader(use.component)

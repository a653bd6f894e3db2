"""The adapters that are there: each file read once for all models, and opened once beside each."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from functools import partial
from typing import Protocol

from ...identity.stamp import unchanged
from ...messages import message
from ...words.errors import ModelChanged, Unsupported
from ...words.model import AdapterUse, Component
from .adapter import Adapter, AdapterFile, Networks
from .kept import Kept
from .mix import Mix, Strengths, mix_of

AdapterReader = Callable[[Component], AdapterFile]
"""What is an adapter's file."""


class Adaptable(Protocol):
    """A loaded model."""

    @property
    def networks(self) -> Networks: ...


class Opened:
    """Those beside any model. Calls come from the engine's thread."""

    def __init__(self, readers: Mapping[str, AdapterReader], kept: Kept) -> None:
        """`readers` by the kind that an `AdapterUse` says."""
        self._readers, self._kept = readers, kept

    def mix(self, uses: Iterable[AdapterUse], model: Adaptable) -> Generator[None, None, Mix]:
        """What a picture asks for beside `model`, in slices. Raises Unsupported, UnusableModel, ModelChanged."""
        weighed: list[tuple[Adapter, Strengths]] = []
        for use in uses:
            adapter = yield from self._adapter(use, model)
            weighed.append((adapter, Strengths(use.weight, use.clip_weight)))
        return mix_of(weighed)

    def _adapter(self, use: AdapterUse, model: Adaptable) -> Generator[None, None, Adapter]:
        adapter: Adapter | None = self._kept.find(model, use.identity)
        if adapter is None:
            made = yield from self._opened(use, model.networks)
            adapter = self._kept.add(model, use.identity, made)  # another picture's may have come first
        return adapter

    def _opened(self, use: AdapterUse, networks: Networks) -> Generator[None, None, Adapter]:
        file = self._kept.source(use.identity, partial(self._read, use))
        bound = yield from file.bind(use.name, networks)
        if not unchanged(use.component.files):
            raise ModelChanged(message("adapter.replaced", name=use.name))
        return Adapter(use.component.digest, bound, networks, file)

    def _read(self, use: AdapterUse) -> AdapterFile:
        reader = self._readers.get(use.kind)
        if reader is None:
            raise Unsupported(message("adapter.kind", kind=use.kind))
        return reader(use.component)

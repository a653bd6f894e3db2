"""The adapters that pictures are made with: each opened once for a model, and kept while any picture has it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol
from weakref import WeakKeyDictionary, WeakValueDictionary

from ...identity.stamp import unchanged
from ...messages import message
from ...words.errors import ModelChanged, Unsupported
from ...words.model import AdapterUse
from .adapter import Adapter, Networks
from .kinds import ADAPTER_KINDS
from .mix import Mix, mix_of


class Adaptable(Protocol):
    """A loaded model."""

    @property
    def networks(self) -> Networks: ...


class Opened:
    """By model, and there by what they are."""

    def __init__(self) -> None:
        self._adapters: WeakKeyDictionary[Adaptable, WeakValueDictionary[str, Adapter]] = WeakKeyDictionary()

    def mix(self, uses: Iterable[AdapterUse], model: Adaptable) -> Mix:
        """What a picture asks for beside `model`. Raises Unsupported, UnusableModel, ModelChanged."""
        return mix_of((self._adapter(use, model), use.weight) for use in uses)

    def _adapter(self, use: AdapterUse, model: Adaptable) -> Adapter:
        known = self._adapters.setdefault(model, WeakValueDictionary())
        adapter = known.get(use.identity)
        if adapter is None:
            adapter = known[use.identity] = _open(use, model.networks)
        return adapter


def _open(use: AdapterUse, networks: Networks) -> Adapter:
    opener = ADAPTER_KINDS.get(use.kind)
    if opener is None:
        raise Unsupported(message("adapter.kind", kind=use.kind))
    paths = opener(use.component, networks)
    if not unchanged(use.component.files):
        raise ModelChanged(message("adapter.replaced", name=use.name))
    return Adapter(use.name, use.component.digest, paths, networks)

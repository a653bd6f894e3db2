"""The networks of controls that are there: each file read once for all models, and bound once beside each."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from typing import Any, Protocol
from weakref import WeakValueDictionary

from ...words.model import Component, ControlUse
from ..adapters.kept import Kept
from ..adapters.opened import Adaptable
from .control_network import ControlNetwork


class ControlSource(Protocol):
    """A control's file, opened."""

    @property
    def nbytes(self) -> int:
        """Bytes that what was made of it takes."""

    def bind(self, unet: Any) -> Generator[None, None, ControlNetwork]:
        """The network beside a model's denoiser, in slices. Raises Unsupported, UnusableModel, ModelChanged."""


ControlReader = Callable[[Component, str], ControlSource]
"""What is a control's file, which is called so. Raises UnusableModel, ModelChanged."""


class OpenControls:
    """Those beside any model. Calls come from the engine's thread."""

    def __init__(self, read: ControlReader, kept: Kept) -> None:
        self._read, self._kept = read, kept
        self._openings: WeakValueDictionary[tuple[int, str], _ControlOpening] = WeakValueDictionary()

    def network(self, use: ControlUse, name: str, model: Adaptable) -> Generator[None, None, ControlNetwork]:
        """What a picture uses beside `model`, in slices. Raises Unsupported, UnusableModel, ModelChanged."""
        there: ControlNetwork | None = self._kept.find(model, use.identity)
        if there is not None:
            return there
        opening = self._openings.get((id(model), use.identity))
        if opening is None or opening.failed:
            opening = self._openings[id(model), use.identity] = _ControlOpening(self._opened(use, name, model))
        while opening.network is None:
            if opening.failed:  # for another picture, which was told why
                return (yield from self.network(use, name, model))
            opening.advance()
            yield
        there = self._kept.add(model, use.identity, opening.network)
        return there

    def _opened(self, use: ControlUse, name: str, model: Adaptable) -> Generator[None, None, ControlNetwork]:
        source = self._kept.source(use.identity, partial(self._read, use.component, name))
        return (yield from source.bind(model.networks.get("denoiser")))


class _ControlOpening:
    """A network on its way: whoever of those who wait for it has a turn goes on with it."""

    def __init__(self, slices: Generator[None, None, ControlNetwork]) -> None:
        self._slices = slices
        self.network: ControlNetwork | None = None
        self.failed = False

    def advance(self) -> None:
        try:
            next(self._slices)
        except StopIteration as end:
            self.network = end.value
        except BaseException:
            self.failed = True
            raise

"""The networks of controls that are there: each file read once for all models, and bound once beside each."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from typing import Any, Protocol

from ...words.model import Component, ControlUse
from ..adapters.kept import Kept
from ..adapters.opened import Adaptable
from ..adapters.openings import Openings
from ..execution.execution import Home
from .control_network import ControlNetwork


class Controllable(Adaptable, Protocol):
    """A loaded model."""

    @property
    def home(self) -> Home:
        """Of its denoiser."""


class ControlSource(Protocol):
    """A control's file, opened."""

    @property
    def nbytes(self) -> int:
        """Bytes that what was made of it takes."""

    def bind(self, denoiser: Any, home: Home) -> Generator[None, None, ControlNetwork]:
        """The network beside a model's denoiser, which works there, in slices. Raises Unsupported, UnusableModel,
        ModelChanged."""


ControlReader = Callable[[Component, str], ControlSource]
"""What is a control's file, which is called so. Raises UnusableModel, ModelChanged."""


class OpenControls:
    """Those beside any model. Calls come from the engine's thread."""

    def __init__(self, read: ControlReader, kept: Kept) -> None:
        self._read, self._kept = read, kept
        self._openings = Openings[ControlNetwork]()

    def network(self, use: ControlUse, name: str, model: Controllable) -> Generator[None, None, ControlNetwork]:
        """What a picture uses beside `model`, in slices. Raises Unsupported, UnusableModel, ModelChanged."""
        there: ControlNetwork | None = self._kept.find(model, use.identity)
        if there is not None:
            return there
        made = yield from self._openings.opened((id(model), use.identity), partial(self._opened, use, name, model))
        there = self._kept.add(model, use.identity, made)
        return there

    def _opened(self, use: ControlUse, name: str, model: Controllable) -> Generator[None, None, ControlNetwork]:
        assert use.component is not None, "a model's own denoiser is opened with it"
        source = self._kept.source(use.identity, partial(self._read, use.component, name))
        return (yield from source.bind(model.networks.get("denoiser"), model.home))

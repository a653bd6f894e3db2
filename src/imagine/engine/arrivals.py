"""Those who came and wait for their models, in the order they came.

The first who lacks a model has it brought. Where there is no room for it beside the models in use, nobody who came
later goes before: so the models in use fall idle and make way. While it is being opened, others may go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ..words.events import Loading
from ..words.frames import JobReport, Load
from ..words.model import Model
from .jobs.ledger import Ledger
from .residency.models import Models

_NEWS = 0.05
"""How much more of a file must be read to be told."""


class Arrival(NamedTuple):
    """A job or an order to load whose models are all there, `seconds` after it was told that one is loaded."""

    name: str
    waiting: Ledger | Load
    seconds: float


class Arrivals:
    """Who waits, by name."""

    def __init__(self, models: Models, clock: Callable[[], float]) -> None:
        self._models, self._clock = models, clock
        self._waiting: dict[str, Ledger | Load] = {}
        self._announced: dict[str, float] = {}
        """Who was told that its model is loaded, and when."""
        self._told = 0.0

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, name: str, waiting: Ledger | Load) -> None:
        self._waiting[name] = waiting

    def drop(self, name: str) -> None:
        """It waits no more; what only it waited for is not opened any further."""
        self._waiting.pop(name, None)
        self._announced.pop(name, None)
        if self._models.opening is not None and not self.wanting():
            self._models.stop()

    @property
    def models(self) -> set[str]:
        """The identities of all models that are waited for."""
        return {model.identity for waiting in self._waiting.values() for model in _models(waiting)}

    def wanting(self) -> list[str]:
        """Who waits for the model that is being opened."""
        opening = self._models.opening
        if opening is None:
            return []
        wanted = opening.model.identity
        return [name for name, w in self._waiting.items() if wanted in [model.identity for model in _models(w)]]

    def settle(self) -> list[JobReport]:
        """Take in a model that has been opened, or say how far one is. Raises what went wrong for all of `wanting`."""
        opening, wanting = self._models.opening, self.wanting()
        self._models.settle()
        first = next((name for name in wanting if name in self._announced), None)
        if opening is None or first is None or opening.fraction < self._told + _NEWS:
            return []
        self._told = opening.fraction
        return [Loading(job=first, model=opening.model.name, fraction=opening.fraction)]

    def next(self) -> tuple[Arrival | None, list[JobReport]]:
        """The first whose models are all there and that nobody is to go before; it waits on until it is dropped."""
        leader = True
        for name, waiting in self._waiting.items():
            lacking = next((model for model in _models(waiting) if self._models.find(model) is None), None)
            if lacking is None:
                begun = self._announced.get(name)
                return Arrival(name, waiting, 0.0 if begun is None else self._clock() - begun), []
            if leader and name not in self._announced:
                # Said before the work begins, so that whoever waits knows why, and a crash is laid at the right door.
                self._announced[name], self._told = self._clock(), 0.0
                return None, [Loading(job=name, model=lacking.name)]
            if leader and not self._models.bring(lacking, sparing={model.identity for model in _models(waiting)}):
                break
            leader = False
        return None, []


def _models(waiting: Ledger | Load) -> list[Model]:
    return [waiting.model] if isinstance(waiting, Load) else waiting.submit.models

"""How often each model is asked for lately: what it costs to let one go."""

from __future__ import annotations

import math

_MEMORY = 600.0
"""Seconds after which an order counts for a third."""
_HORIZON = 300.0
"""For how many seconds a model would have stayed where it is: as long as one that nobody asks for is kept."""

_MODELS = 512


class Demand:
    """Decaying counts of orders by model. Times are of one clock, in seconds."""

    def __init__(self) -> None:
        self._counts: dict[str, tuple[float, float]] = {}

    def note(self, model: str, now: float) -> None:
        """It was asked for."""
        count = self._count(model, now) + 1.0
        self._counts.pop(model, None)
        self._counts[model] = count, now
        if len(self._counts) > _MODELS:  # who was asked for longest ago is the first
            del self._counts[next(iter(self._counts))]

    def soon(self, model: str, now: float, copies: int) -> float:
        """How likely it is, 0…1, that one of so many copies is asked for while it would have stayed."""
        return 1.0 - math.exp(-self._count(model, now) / _MEMORY * _HORIZON / max(1, copies))

    def _count(self, model: str, now: float) -> float:
        count, at = self._counts.get(model, (0.0, now))
        return count * math.exp((at - now) / _MEMORY)

"""How long jobs take: from the seconds of the device that were measured, as much a pixel and step of the same model."""

from __future__ import annotations

from collections import OrderedDict

from ..words.recipe import GenerationParams

_FIRST = 1.0
"""Seconds of a job while nothing was measured."""
_MODELS = 64
_SMOOTHING = 0.05
"""How much a step's measure counts; there are many."""


class Estimates:
    """Seconds per pixel and step, by model; of one that wasn't seen yet, those of the last."""

    def __init__(self) -> None:
        self._rates: OrderedDict[str, float] = OrderedDict()

    def of(self, params: GenerationParams) -> float:
        """Seconds of the device that such a picture takes alone."""
        if not self._rates:
            return _FIRST
        return work_of(params) * self._rates.get(params.digest, next(reversed(self._rates.values())))

    def learn(self, params: GenerationParams, done: float, spent: float) -> None:
        """`done`, 0…1, of such a picture took `spent` seconds."""
        if done <= 0 or spent <= 0:
            return
        rate = spent / (work_of(params) * done)
        known = self._rates.pop(params.digest, rate)
        self._rates[params.digest] = known + _SMOOTHING * (rate - known)
        if len(self._rates) > _MODELS:
            self._rates.popitem(last=False)


def work_of(params: GenerationParams) -> float:
    """Pixels times steps, of both passes."""
    work: float = params.num_steps
    if (hires := params.hires) is not None and hires.strength:
        work += max(1, int((hires.steps or params.num_steps) * hires.strength)) * hires.scale**2
    return max(1.0, params.width * params.height * work)

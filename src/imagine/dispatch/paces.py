"""How fast each worker is: what it was measured to take, against what all of them take for the same models."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterable

from ..words.recipe import GenerationParams
from .estimates import work_of

_FIRST = 1.0
"""Seconds of a picture while nothing was measured."""
_COMPANY = 0.7
"""Of the seconds that it takes alone, what a picture in a batch is expected to take while that wasn't measured."""
_SMOOTHING = 0.05
_MODELS = 128
_DOUBT = 3.0
"""No measurement is taken for more than so many times what was expected, either way."""


class Paces:
    """Seconds per pixel and step of models, alone and in a batch, and how much slower than the mean each worker is.

    A measurement says two things at once, which are told apart by dividing by what the other is taken for. One worker
    alone is as slow as the mean.
    """

    def __init__(self) -> None:
        self._rates: OrderedDict[tuple[str, bool], float] = OrderedDict()
        self._slow: dict[object, float] = {}
        """Logarithms."""
        self._sum = 0.0

    def seconds(self, params: GenerationParams, *, company: bool) -> float:
        """What such a picture takes a worker of mean speed, alone or in a batch."""
        if not self._rates:
            return _FIRST
        known, other = self._rates.get((params.digest, company)), self._rates.get((params.digest, not company))
        if known is None:
            other = other or next(reversed(self._rates.values()))
            known = other * _COMPANY if company else other / _COMPANY
        return work_of(params) * known

    def slowness(self, worker: object) -> float:
        """How many times as long as the mean of all it takes; 1.0 while that wasn't measured."""
        return math.exp(self._slow[worker] - self._sum / len(self._slow)) if worker in self._slow else 1.0

    def capacity(self, workers: Iterable[object]) -> float:
        """Seconds of a device of mean speed that these have together in a second."""
        return sum(1 / self.slowness(worker) for worker in workers)

    def learn(self, worker: object, params: GenerationParams, done: float, spent: float, *, company: bool) -> None:
        """`done`, 0…1, of such a picture took that worker `spent` seconds."""
        if done <= 0 or spent <= 0:
            return
        rate, key = spent / (work_of(params) * done), (params.digest, company)
        known = self._rates.pop(key, None)
        if known is not None:
            told = math.log(min(_DOUBT, max(1 / _DOUBT, rate / known / self.slowness(worker)))) + self._of(worker)
            self._put(worker, self._of(worker) + _SMOOTHING * (told - self._of(worker)))
        here = rate / self.slowness(worker)
        self._rates[key] = here if known is None else known + _SMOOTHING * (here - known)
        if len(self._rates) > _MODELS:
            self._rates.popitem(last=False)

    def forget(self, worker: object) -> None:
        """It will not come again."""
        self._sum -= self._slow.pop(worker, 0.0)

    def _of(self, worker: object) -> float:
        """An unmeasured one is taken for the mean."""
        return self._slow.get(worker, self._sum / len(self._slow) if self._slow else 0.0)

    def _put(self, worker: object, slow: float) -> None:
        self._sum += slow - self._slow.get(worker, 0.0)
        self._slow[worker] = slow

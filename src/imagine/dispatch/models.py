"""What workers are asked for beside pictures: to have a model ready, to let it go, to say what they see."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import count

from ..messages import message
from ..words.errors import WorkerLost
from ..words.frames import Loaded, Scored
from ..words.model import Model
from .placement import JobPlacement
from .wanted import wanted_from_model
from .worker import Worker


class WorkerModels:
    """Asks those of a pool that it suits best. Everything raises ImagineError."""

    def __init__(self, workers: Sequence[Worker], placement: JobPlacement[Worker]) -> None:
        """`workers` are the pool's own list, which changes."""
        self._workers = workers
        self._placement = placement
        self._loads = count(1)

    async def load(self, model: Model, keep_alive: float | None = None) -> Loaded:
        """Has a model ready on the worker that suits it best."""
        self._need_workers()
        wanted = wanted_from_model(model)
        worker, load = self._placement.best_for(wanted), f"load {next(self._loads)}"
        self._placement.begin(load, wanted, worker)
        try:
            return await worker.load(model, keep_alive)
        finally:
            self._placement.end(load, worker)

    async def unload(self, model: str) -> None:
        """Lets a model go wherever it is."""
        await asyncio.gather(*(worker.unload(model) for worker in self._workers if worker.ready is not None))

    async def score(self, checker: Model, img: bytes) -> Scored:
        """Says what is seen in a picture, by the worker that will be free first, of this machine if one is ready: who
        is elsewhere could keep everybody waiting."""
        self._need_workers()
        worker = min(
            self._workers,
            key=lambda worker: (
                not worker.holds(checker.components),
                worker.ready is None,
                worker.away,
                self._placement.wait(worker),
            ),
        )
        return await worker.score(checker, img)

    def _need_workers(self) -> None:
        if not self._workers:
            raise WorkerLost(message("worker.none"))

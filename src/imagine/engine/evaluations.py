"""A batch's evaluation of its denoiser: given to the device, taken in by its jobs, and paid for when it has landed."""

from __future__ import annotations

from collections.abc import Callable

from .activity import Activity
from .batching import Batching
from .device.device import Device
from .flight import Flight, Launched
from .jobs.work import Work
from .memory_pressure import MemoryPressure
from .residency.models import Models
from .turns import Batch, Line


class Evaluations:
    """Those of one device."""

    def __init__(
        self, device: Device, models: Models, memory: MemoryPressure, activity: Activity, clock: Callable[[], float],
        batching: Batching, line: Line,
    ) -> None:  # fmt: skip
        """What one took is told to `batching`, for the next choice, and charged to who stands in `line`."""
        self._device, self._models, self._batching, self._line = device, models, batching, line
        self._memory, self._activity, self._clock = memory, activity, clock
        self._flight = Flight()
        self.landed = 0
        """Of how many batches it is known what they took."""
        self.taken = 0
        """How many answers were taken, one a job."""

    def make(self, batch: Batch) -> list[Work]:
        """One evaluation; the jobs that completed one of the user's steps. None did where memory ran out: some was
        freed then, and it is to be made again."""
        self._activity.jobs = [job.ledger.id for job in batch.jobs]
        begun, span, attempts = self._clock(), self._device.span(self._clock), self._device.attempts
        completed = self._evaluate(batch)
        if completed is None:
            self._memory.shrink(batch)
            self._line.charge(batch.jobs, self._clock() - begun)
            return []
        expected = (self._device.ahead and self._batching.expected(batch.key, batch.bucket)) or 0.0
        self._flight.launch(Launched(batch, span, expected, usual=attempts == self._device.attempts))
        self._line.charge(batch.jobs, expected)
        self.land(self._device.ahead)
        return completed

    def land(self, most: int) -> None:
        """Take in what evaluations took, until no more than `most` are under way."""
        for landed, seconds in self._flight.land(most):
            batch = landed.batch
            if (took := batch.jobs[0].took(seconds)) is not None:
                self.landed += 1
                if landed.usual:
                    self._batching.record(batch.key, batch.bucket, took)
            for job in batch.jobs:
                job.ledger.timings["denoising"] += seconds
            self._line.charge(batch.jobs, seconds - landed.expected)

    def clear(self) -> None:
        """Nobody wants to know what those under way take."""
        self._flight.clear()

    def _evaluate(self, batch: Batch) -> list[Work] | None:
        """The jobs that completed one of the user's steps; None when memory ran out."""
        first, completed = batch.jobs[0], list[Work]()
        takes = first.evaluate(batch.jobs, batch.bucket)
        if takes is None:
            return None
        self._models.check(first.model)
        for job, take in zip(batch.jobs, takes, strict=True):
            # One that fails in its own sampler harms no other: those behind it make the same step again.
            self._activity.jobs = [job.ledger.id]
            self.taken += 1
            job.ledger.served = self.taken
            if take():
                completed.append(job)
        return completed

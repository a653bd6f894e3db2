"""What is given up, and in which order, when the device has no memory left: for others first, then of the job's own.

What is kept and idle goes, then batches get smaller, then the job's models give memory back at the cost of speed, then
its VAE works in tiles. Each is said in the warnings of the pictures for whose sake it was.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence

from ..messages import message
from ..words.errors import OutOfMemory
from .adapters.kept import Kept
from .batching import Batching
from .device.device import Device
from .device.memory import Shortage
from .jobs.forward import Forward
from .jobs.work import Work
from .parts.slices import T
from .residency.models import Models
from .turns import Batch


class MemoryPressure:
    """Frees memory for work that ran out of it."""

    def __init__(self, device: Device, models: Models, kept: Kept, batching: Batching, forward: Forward) -> None:
        """`kept` lies beside `models`; what `forward` remembers goes whenever memory is short."""
        self._device, self._models, self._kept = device, models, kept
        self._batching, self._forward = batching, forward

    def with_room(self, job: Work, work: Callable[[], T]) -> T:
        """Do `work`; when memory runs out, free some at this job's cost and try again. Raises OutOfMemory."""
        while True:
            with Shortage():
                return work()
            if self._evict([job]) or self._spare(job):
                continue
            if job.ledger.tiled:
                raise OutOfMemory(message("memory.picture"))
            job.ledger.tiled = True
            job.ledger.sacrifice("tiles", message("memory.tiles"))

    def shrink(self, batch: Batch) -> None:
        """Memory ran out in an evaluation: free some, or have the next one smaller. Raises OutOfMemory."""
        if self._evict(batch.jobs):
            return
        if batch.bucket > 1:
            fewer = self._batching.limit(batch.key, batch.bucket // 2)
            for job in batch.jobs:
                job.ledger.sacrifice("batch", message("memory.batch", most=fewer))
        elif not self._spare(batch.jobs[0]):
            raise OutOfMemory(message("memory.picture"))

    def _evict(self, jobs: Sequence[Work]) -> bool:
        """Let go, for the sake of these jobs, of what was recorded, and of what is beside models that no picture has,
        else of an idle model; False when there is none."""
        self._forward.clear()
        dropped = self._device.drop_recordings()
        made_way = self._kept.make_way()
        left = self._device.floor.clear()
        evicted = not made_way and not left and self._models.residency.evict(whole=True)
        if not evicted:
            gc.collect()
        self._device.release()
        for job in jobs:
            if evicted:
                job.ledger.sacrifice("models", message("memory.models"))
        return evicted or dropped or made_way or left

    def _spare(self, job: Work) -> bool:
        """Have the job's models give memory back at the cost of speed; False when they can't."""
        with Shortage():
            done = job.spare()
            self._device.release()
            if done is not None:
                job.ledger.sacrifice("spared", done)
            return done is not None
        return False

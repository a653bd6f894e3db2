"""Pictures before and behind their evaluations: prompts and pictures encoded, latents decoded, a turn at a time."""

from __future__ import annotations

from collections.abc import Callable

from PIL import Image

from .activity import Activity
from .device.device import Device
from .jobs.work import MadeMap, OnDisk, Work
from .memory_pressure import MemoryPressure
from .parts.part import Stage, is_spared
from .parts.slices import Slices, T
from .pictures import Final, Pictures
from .reports import Reports
from .residency.models import Models
from .suspended import Suspended


class Coding:
    """Has jobs prepare and develop, and hands on what they made."""

    def __init__(
        self, device: Device, models: Models, memory: MemoryPressure, activity: Activity, clock: Callable[[], float],
        pictures: Pictures, reports: Reports, turn: float,
    ) -> None:  # fmt: skip
        """`turn`: seconds after which others may have the device."""
        self._device, self._models, self._memory = device, models, memory
        self._pictures, self._reports, self._activity = pictures, reports, activity
        self._suspended = Suspended(clock, device.synchronize, turn)

    def advance(self, first: Work) -> Work:
        """A turn of `first`, or of the job that is in its way; gives whose it was."""
        job = self._suspended.in_the_way(first) or first
        self._activity.stage, self._activity.jobs = "decoding" if job.prepared else "encoding", [job.ledger.id]
        if job.prepared:
            self._develop(job)
        else:
            self._prepare(job)
        return job

    def drop(self, name: str) -> None:
        """Nobody wants that job's any more."""
        self._suspended.drop(name)

    def _prepare(self, job: Work) -> None:
        done, _ = self._memory.with_room(job, lambda: self._advanced(job, job.prepare, "encode"))
        if not done:
            return
        if job.ledger.submit.beside:
            self._models.shrink(job.ledger.models)
        self._reports.progress(job)

    def _develop(self, job: Work) -> None:
        before = job.step
        done, picture = self._memory.with_room(job, lambda: self._advanced(job, job.develop, "decode"))
        for model in job.ledger.models if done else ():
            # What was read of it on the way is what the recipe says, or there is no picture.
            self._models.check(model)
        if picture is not None:
            self._finish(job, picture)
        elif done or job.step != before:
            self._reports.progress(job)

    def _advanced(self, job: Work, begin: Callable[[], Slices[T]], stage: Stage) -> tuple[bool, T | None]:
        """A turn of it, or all of it where others' turns would have the device copy what works there out and in."""
        return self._suspended.advance(job, begin, whole=any(part.visits for part in job.own.parts(stage)))

    def _finish(self, job: Work, picture: Image.Image | OnDisk | MadeMap) -> None:
        """Have the file of a picture made, unless that lies on the disk by now."""
        if isinstance(picture, OnDisk | MadeMap):
            meta = picture.meta
        else:
            environment = self._device.environment(job.own.dtype, spared=is_spared(job.own))
            meta = job.ledger.recorded(environment | dict(job.own.executed()))
        whole = job.canvas.whole
        final = Final(job.ledger, picture, meta, None if whole is None else whole.box)
        self._pictures.finish(job.ledger.id, final)

"""Jobs that no worker could take now: refused where none ever could, waited with for some time where one is away, and
for as long as it takes where the files are on their way to one."""

from __future__ import annotations

from ..messages import message
from ..words.errors import UnusableModel, WorkerLost
from ..words.events import Failed
from .bringing import Bringing
from .job import Job
from .placement import JobPlacement
from .worker import Worker

PATIENCE = 300.0
"""Seconds for which a job waits for a worker that is away: as many as one of this machine may take to start."""


class Stranded:
    """Whether a job that waits is to end, and since when nobody could take it. Times are of the pool's clock."""

    def __init__(self, placement: JobPlacement[Worker], bringing: Bringing, patience: float) -> None:
        self._placement, self._bringing = placement, bringing
        self._patience = patience

    def end_of(self, job: Job, now: float, *, alone: bool) -> Failed | None:
        """Why it ends, if it does. A pool's only worker, which is `alone`, is waited for as long as it may come."""
        ready, away, broken = self._placement.holders(job.wanted)
        is_helped = not ready and not away and self._bringing.help(job.wanted)
        hope = away or ([] if ready or is_helped else self._bringing.hope(job.wanted))
        job.stranded_at = None if not hope or alone else now if job.stranded_at is None else job.stranded_at
        if ready or is_helped or (hope and job.stranded_at is None) or not self._placement.workers:
            return None
        if hope and self.left(job, now) > 0:
            return None
        if away:
            if self._bringing.help(job.wanted):
                job.stranded_at = None
                return None
            who = ", ".join(worker.place for worker in away)
            note = message("worker.away", model=job.submit.model.name, who=who, seconds=round(self._patience))
            return job.failed(WorkerLost, note)
        if broken and (why := broken[0].broken) is not None:
            return job.failed(WorkerLost, message("worker.lost", why=why))
        note = message("worker.without", model=job.submit.model.name)
        if (failure := self._bringing.failure(job.wanted)) is not None:
            place, why = failure
            note = message("worker.unfetched", model=job.submit.model.name, place=place, why=why)
        return job.failed(UnusableModel, note)

    def left(self, job: Job, now: float) -> float:
        """Seconds for which it is waited with yet."""
        return self._patience if job.stranded_at is None else job.stranded_at + self._patience - now

"""Jobs whose workers were lost: made again, but not for ever, and so that what workers die of takes no other along."""

from __future__ import annotations

from ..messages import message
from ..words.events import Failed
from .job import Job
from .placement import JobPlacement
from .worker import Worker

_ATTEMPTS = 2
LOST_AGAIN = "worker.lost_again"
"""The code of what is said of a job that workers were lost with as often as it is tried."""


class Attempts:
    """What is known of jobs that were lost with a worker before: who may have them, and when it is enough."""

    def __init__(self, placement: JobPlacement[Worker]) -> None:
        self._placement = placement
        self._doubted: dict[Worker, Job] = {}
        """The job of each that may be what a worker died of before."""

    def may_take(self, job: Job, worker: Worker) -> bool:
        """Of jobs that may be what workers die of, a worker has one at a time: a second death ends all that have died
        once. One that was given back is for another, if there is one."""
        if worker is job.returned and self._placement.is_able(job.wanted, beside=worker):
            return False
        return not job.doubted or worker not in self._doubted

    def begin(self, job: Job, worker: Worker) -> None:
        """The worker is handed it."""
        job.attempts += 1
        if job.doubted:
            self._doubted[worker] = job

    def lose(self, job: Job, worker: Worker, lost: Failed) -> Failed | None:
        """Its worker was lost with it. None: it is made again, from its beginning; else its end, after so many times.
        It may be what the worker died of, unless that was cut off with all that it held."""
        job.returned = worker if worker.ready is not None or worker.away else None
        job.doubted = job.doubted or worker.ready is not None or not worker.cut_off
        job.lost = lost.message
        job.progress, job.spent = None, 0.0
        if job.attempts < _ATTEMPTS:
            return None
        return Failed(job=job.id, error=lost.error, message=message(LOST_AGAIN, why=lost.message))

    def end(self, job: Job, worker: Worker) -> None:
        """The worker has it no more."""
        if self._doubted.get(worker) is job:
            del self._doubted[worker]

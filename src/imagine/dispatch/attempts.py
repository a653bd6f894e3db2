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
        self._doubted: set[Worker] = set()
        """Those that hold a job which was lost with a worker before."""

    def may_take(self, job: Job, worker: Worker) -> bool:
        """Of jobs that were lost with a worker before, a worker has one at a time: one of them may be what workers die
        of, and a second death ends all that have died once. One that was given back is for another, if there is one."""
        if worker is job.returned and self._placement.is_able(job.wanted, beside=worker):
            return False
        return job.attempts == 0 or worker not in self._doubted

    def begin(self, job: Job, worker: Worker) -> None:
        """The worker is handed it."""
        job.attempts += 1
        if job.attempts > 1:
            self._doubted.add(worker)

    def lose(self, job: Job, worker: Worker, lost: Failed) -> Failed | None:
        """Its worker was lost with it. None: it is made again, from its beginning; else its end, since it may be what
        workers die of."""
        job.returned = worker if worker.ready is not None or worker.away else None
        job.lost = lost.message
        job.progress, job.spent = None, 0.0
        if job.attempts < _ATTEMPTS:
            return None
        return Failed(job=job.id, error=lost.error, message=message(LOST_AGAIN, why=lost.message))

    def end(self, job: Job, worker: Worker) -> None:
        """The worker has it no more."""
        if job.attempts > 1:
            self._doubted.discard(worker)

"""What a client is told for whose job there is no place: whose the places are, and when to come again."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from ..messages import message
from ..words.errors import Busy
from .estimates import Estimates
from .job import Job
from .placement import JobPlacement
from .queue import FairQueue
from .waits import Waits
from .worker import Worker


class Refusals:
    """Makes them, from what is queued and what runs."""

    def __init__(
        self,
        waiting: FairQueue[Job],
        most: int,
        *,
        estimates: Estimates,
        placement: JobPlacement[Worker],
        clock: Callable[[], float],
    ) -> None:
        """`most` jobs may wait, of all clients together."""
        self._waiting = waiting
        self._most = most
        self._estimates = estimates
        self._placement = placement
        self._waits = Waits(clock)

    def full(self, client: str, running: Sequence[Job], workers: Sequence[Worker]) -> Busy:
        """There is no place for a job of this client; a place comes when one of those that run has ended."""
        seconds = self._waits.seconds(
            client, [(job.submit.client, self._left(job)) for job in running],
            each=self._waiting.seconds / max(1, len(self._waiting)), workers=self._capacity(workers),
        )  # fmt: skip
        own, again = self._waiting.count_of(client), math.ceil(seconds)
        if len(self._waiting) < self._most:
            refusal = message("busy.share", own=own, most=self._most, seconds=again)
        else:
            refusal = message("busy.queue", most=self._most, seconds=again)
        return Busy(refusal, retry_after=seconds)

    def _capacity(self, workers: Sequence[Worker]) -> float:
        """How many workers of mean speed those are as much as that take jobs; all of them, where none does."""
        able = [worker for worker in workers if worker.ready] or workers
        return self._placement.paces.capacity(able) or 1.0

    def _left(self, job: Job) -> float:
        """Seconds of its device that a job which runs needs yet."""
        done = job.progress.done if job.progress is not None else 0.0
        return self._estimates.of(job.submit.params) * self._placement.paces.slowness(job.worker) * (1 - done)

"""The jobs that have not ended: what is said of each on its way, counted and passed on, and its end."""

from __future__ import annotations

import msgspec

from ..fairness.clients import key_of_client
from ..messages import message
from ..words.events import Failed, Finished, Progress
from ..words.frames import JobReport
from .estimates import Estimates
from .job import Counts, Job
from .worker import kind_of


class JobLedger:
    """Jobs by their ids, and what became of those that were there."""

    def __init__(self, estimates: Estimates) -> None:
        """`estimates` learn from the steps."""
        self.jobs: dict[str, Job] = {}
        """In the order in which they came."""
        self.counts = Counts()
        self._estimates = estimates

    def note(self, job: Job, event: JobReport) -> None:
        """This happened to it; its last event ends it."""
        if isinstance(event, Progress):
            job.progress, job.spent = event, event.spent
            self._estimates.learn(job.submit.params, event.done, event.spent)
            self.counts.steps += 1
        elif isinstance(event, Finished):
            event = self._finished(job, event)
        elif isinstance(event, Failed):
            self.counts.failed[kind_of(event).__name__] += 1
        job.buffer.put(event)
        if isinstance(event, Finished | Failed):
            del self.jobs[job.id]

    def _finished(self, job: Job, event: Finished) -> Finished:
        self.counts.finished += 1
        if (key := key_of_client(job.submit.client)) is not None:
            self.counts.made[key] += 1
        job.spent = max(job.spent, event.spent)
        if job.lost is None:
            return event
        return msgspec.structs.replace(event, warnings=[*event.warnings, message("worker.again", why=job.lost)])

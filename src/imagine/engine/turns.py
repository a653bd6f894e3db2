"""Who takes the next turn: seconds of the device are shared, between clients first and then between a client's jobs.

A turn is a denoising step of a batch, or as much of preparing or developing a picture as `suspended` lets pass. The
client that had least goes first, and takes along as many jobs of its own kind as it pays to, others' too where that
costs it no more than waiting for their turns would.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..fairness.shares import Shares
from .batching import LONGEST, Batching
from .jobs.batch_key import BatchKey
from .jobs.work import Work

_AT_ONCE = 1.5
"""How many times as long as alone the very first step of a picture may take for taking others along."""


@dataclass(frozen=True)
class Batch:
    """Works of the same key that make an evaluation together, padded to `bucket`."""

    key: BatchKey
    jobs: list[Work]
    bucket: int


class Line:
    """The jobs that have their models, and the seconds of the device that they and their clients had."""

    def __init__(self) -> None:
        self._clients = Shares()
        self._jobs: defaultdict[str, Shares] = defaultdict(Shares)
        self._counts: Counter[str] = Counter()

    def enter(self, job: Work) -> None:
        self._counts[job.ledger.client] += 1

    def leave(self, job: Work) -> None:
        self._jobs[job.ledger.client].forget(job.ledger.id)
        self._counts[job.ledger.client] -= 1
        if not self._counts[job.ledger.client]:
            del self._counts[job.ledger.client], self._jobs[job.ledger.client]
        if not self._counts:
            self._clients.clear()

    def ordered(self, jobs: Sequence[Work]) -> list[Work]:
        """Whose turn it is first. Of a client's own, newcomers are shown first, then finished latents developed."""
        starts = {client: self._clients.start(client) for client in {job.ledger.client for job in jobs}}

        def rank(job: Work) -> tuple[float, int, float, int, int]:
            ledger = job.ledger
            own = self._jobs[ledger.client].start(ledger.id)
            return starts[ledger.client], _stage(job), own, ledger.served, ledger.number

        return sorted(jobs, key=rank)

    def serve(self, job: Work) -> None:
        """It is this job's turn."""
        self._clients.serve(job.ledger.client)
        if job.prepared and not job.denoised:
            self._jobs[job.ledger.client].serve(job.ledger.id)

    def charge(self, jobs: Sequence[Work], seconds: float) -> None:
        """They had the device for so long, together; below 0 where they were charged more than that before."""
        each = seconds / len(jobs)
        for job in jobs:
            self._clients.charge(job.ledger.client, each / job.ledger.share)
            if self._counts[job.ledger.client]:  # else all of its jobs left meanwhile
                self._jobs[job.ledger.client].charge(job.ledger.id, each / job.ledger.share)
            job.ledger.spent += each

    def ahead(self, job: Work, other: Work) -> float:
        """How many seconds more than that of `other` the client of `job` had."""
        return self._clients.start(job.ledger.client) - self._clients.start(other.ledger.client)


def _stage(job: Work) -> int:
    """Of a client's own: who is new, then who wasn't shown yet, then who has nothing left to denoise."""
    if not job.prepared:
        return 0
    return 1 if not job.ledger.served else 2 if job.denoised else 3


def choose(first: Work, line: Sequence[Work], batching: Batching, ahead: Callable[[Work, Work], float]) -> Batch:
    """The batch that `first` makes its next evaluation in; `line` holds all that are to be denoised, in order."""
    key = first.key
    if first.alone:
        return Batch(key, [first], batching.allowed(key, first.bucket))
    kin = [job for job in line if job is first or (not job.alone and job.key == key)]
    own = [job for job in kin if job.ledger.client == first.ledger.client]
    others = [job for job in kin if job.ledger.client != first.ledger.client and ahead(job, first) <= LONGEST]
    bucket = batching.choose(key, len(own), first.ledger.most)
    if not others:
        return Batch(key, own[:bucket], bucket)
    members, alone = own + others, batching.expected(key, bucket)

    def worthwhile(bucket: int) -> bool:
        """No client waits longer for a step that it shares than for a turn of each who shares it."""
        turns = _AT_ONCE if not first.ledger.served else len({job.ledger.client for job in members[:bucket]})
        expected = batching.expected(key, bucket)
        return bucket <= len(own) or alone is None or expected is None or expected <= turns * alone

    bucket = batching.choose(key, len(members), first.ledger.most, worthwhile)
    return Batch(key, members[:bucket], bucket)

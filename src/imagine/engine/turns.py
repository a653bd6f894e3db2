"""Who takes the next turn: seconds of the device are shared, between clients first and then between a client's jobs.

A turn is a denoising step of a batch, or as much of preparing or developing a picture as `suspended` lets pass. The
client that had least goes first, and takes along as many jobs of its own kind as it pays to, others' too where that
costs it no more than waiting for their turns would.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

from ..fairness.shares import Shares
from .batching import LONGEST, Batching
from .jobs.job import Job

_AT_ONCE = 1.5
"""How many times as long as alone the very first step of a picture may take for taking others along."""


@dataclass(frozen=True)
class Batch:
    """Jobs of the same key that make an evaluation together, padded to `bucket`."""

    key: Hashable
    jobs: list[Job]
    bucket: int


class Line:
    """The jobs that have their models, and the seconds of the device that they and their clients had."""

    def __init__(self) -> None:
        self._clients = Shares()
        self._jobs: defaultdict[str, Shares] = defaultdict(Shares)
        self._counts: Counter[str] = Counter()

    def enter(self, job: Job) -> None:
        self._counts[job.client] += 1

    def leave(self, job: Job) -> None:
        self._jobs[job.client].forget(job.id)
        self._counts[job.client] -= 1
        if not self._counts[job.client]:
            del self._counts[job.client], self._jobs[job.client]
        if not self._counts:
            self._clients.clear()

    def ordered(self, jobs: Sequence[Job]) -> list[Job]:
        """Whose turn it is first. Of a client's own, newcomers are shown first, then finished latents developed."""
        starts = {client: self._clients.start(client) for client in {job.client for job in jobs}}
        own = self._jobs
        return sorted(
            jobs,
            key=lambda job: (
                starts[job.client], _stage(job), own[job.client].start(job.id), job.served, job.number
            ),
        )  # fmt: skip

    def serve(self, job: Job) -> None:
        """It is this job's turn."""
        self._clients.serve(job.client)
        if job.prepared and not job.denoised:
            self._jobs[job.client].serve(job.id)

    def charge(self, jobs: Sequence[Job], seconds: float) -> None:
        """They had the device for so long, together."""
        for job in jobs:
            self._clients.charge(job.client, seconds / len(jobs))
            self._jobs[job.client].charge(job.id, seconds / len(jobs))
            job.spent += seconds / len(jobs)

    def ahead(self, job: Job, other: Job) -> float:
        """How many seconds more than that of `other` the client of `job` had."""
        return self._clients.start(job.client) - self._clients.start(other.client)


def _stage(job: Job) -> int:
    """Of a client's own: who is new, then who wasn't shown yet, then who has nothing left to denoise."""
    if not job.prepared:
        return 0
    return 1 if not job.served else 2 if job.denoised else 3


def choose(first: Job, line: Sequence[Job], batching: Batching, ahead: Callable[[Job, Job], float]) -> Batch:
    """The batch that `first` makes its next evaluation in; `line` holds all that are to be denoised, in order."""
    key = first.key
    if first.alone:
        return Batch(key, [first], batching.allowed(key, first.bucket))
    kin = [job for job in line if job is first or (not job.alone and job.key == key)]
    own = [job for job in kin if job.client == first.client]
    others = [job for job in kin if job.client != first.client and ahead(job, first) <= LONGEST]
    bucket = batching.choose(key, len(own), first.most)
    if not others:
        return Batch(key, own[:bucket], bucket)
    members, alone = own + others, batching.expected(key, bucket)

    def worthwhile(bucket: int) -> bool:
        """No client waits longer for a step that it shares than for a turn of each who shares it."""
        turns = _AT_ONCE if not first.served else len({job.client for job in members[:bucket]})
        expected = batching.expected(key, bucket)
        return bucket <= len(own) or alone is None or expected is None or expected <= turns * alone

    bucket = batching.choose(key, len(members), first.most, worthwhile)
    return Batch(key, members[:bucket], bucket)


def step_seconds(batching: Batching, names: Mapping[str, str]) -> dict[str, float]:
    """What evaluations take: `model 64×64 ×4` is four jobs at once, latents 64 × 64. `names`: of models by key."""
    return {
        f"{names[key[0]]} {key[1][2]}×{key[1][1]} ×{bucket}": seconds
        for key, known in batching.table().items()
        if isinstance(key, tuple) and key[0] in names
        for bucket, seconds in known.items()
    }

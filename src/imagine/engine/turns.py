"""Who takes the next step: the job that has waited longest, with as many of its kind as it pays to take along."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

from .batching import Batching
from .job import Job


@dataclass(frozen=True)
class Batch:
    """Jobs of the same key that make an evaluation together, padded to `bucket`."""

    key: Hashable
    jobs: list[Job]
    bucket: int


def choose(active: Sequence[Job], batching: Batching) -> Batch:
    """The next batch of these jobs, which aren't denoised yet. Newcomers are first in line."""
    line = sorted(active, key=lambda job: (job.served, job.number))
    first, key = line[0], line[0].key
    if first.alone:
        return Batch(key, [first], batching.allowed(key, first.bucket))
    kin = [job for job in line if not job.alone and job.key == key]
    bucket = batching.choose(key, len(kin), first.most)
    return Batch(key, kin[:bucket], bucket)


def step_seconds(batching: Batching, names: Mapping[str, str]) -> dict[str, float]:
    """What evaluations take: `model 64×64 ×4` is four jobs at once, latents 64 × 64. `names`: of models by key."""
    return {
        f"{names[key[0]]} {key[1][2]}×{key[1][1]} ×{bucket}": seconds
        for key, known in batching.table().items()
        if isinstance(key, tuple) and key[0] in names
        for bucket, seconds in known.items()
    }

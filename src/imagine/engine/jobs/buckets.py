"""The sizes of batches, and how a recipe tells in which of them a picture's evaluations ran, and in what shares."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from ...messages import message
from ...words.errors import BadRequest
from ..execution.shares import MOST

BUCKETS = (1, 2, 4, 8, 16)
_RUN = r"([0-9]{1,2})(?:/([0-9]{1,2}))?x([0-9]{1,4})"
_RUNS = re.compile(f"{_RUN}(?:,{_RUN})*")


class Bucket(NamedTuple):
    """What an evaluation ran in."""

    jobs: int
    share: int = 0
    """The rows of the shares that it was made in, each on a thread; 0: all at once, on torch's threads."""

    def __str__(self) -> str:
        return f"{self.jobs}/{self.share}" if self.share else str(self.jobs)


def buckets_text(buckets: Sequence[Bucket]) -> str:
    """`1x12,4/8x13`: twelve evaluations at bucket 1, then thirteen at 4, in shares of 8 rows."""
    return ",".join(f"{bucket}x{len(list(run))}" for bucket, run in groupby(buckets))


def buckets_from_text(text: str) -> list[Bucket]:
    """The bucket of each evaluation. Raises BadRequest on `buckets`."""
    if len(text) > 10_000 or not _RUNS.fullmatch(text):
        raise BadRequest(message("buckets.form", "buckets", value=text[:40]))
    return list(_unrolled(text))


def _unrolled(text: str) -> Iterator[Bucket]:
    for jobs, share, count in re.findall(_RUN, text):
        bucket = Bucket(int(jobs), int(share or 0))
        if bucket.jobs not in BUCKETS:
            raise BadRequest(
                message("buckets.unknown", "buckets", value=bucket.jobs, there=", ".join(map(str, BUCKETS)))
            )
        if share and not 1 <= bucket.share <= MOST:
            raise BadRequest(message("buckets.share", "buckets", value=share, most=MOST))
        yield from [bucket] * int(count)

"""The sizes of batches, and how a recipe tells in which of them a picture's evaluations ran."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby

from ...messages import message
from ...words.errors import BadRequest

BUCKETS = (1, 2, 4, 8, 16)
_RUNS = re.compile(r"[0-9]{1,2}x[0-9]{1,4}(,[0-9]{1,2}x[0-9]{1,4})*")


def buckets_text(buckets: list[int]) -> str:
    """`1x12,4x13`: twelve evaluations at bucket 1, then thirteen at 4."""
    return ",".join(f"{bucket}x{len(list(run))}" for bucket, run in groupby(buckets))


def buckets_from_text(text: str) -> list[int]:
    """The bucket of each evaluation. Raises BadRequest on `buckets`."""
    if len(text) > 10_000 or not _RUNS.fullmatch(text):
        raise BadRequest(message("buckets.form", "buckets", value=text[:40]))
    return list(_unrolled(text))


def _unrolled(text: str) -> Iterator[int]:
    for run in text.split(","):
        bucket, count = (int(number) for number in run.split("x"))
        if bucket not in BUCKETS:
            raise BadRequest(message("buckets.unknown", "buckets", value=bucket, there=", ".join(map(str, BUCKETS))))
        for _ in range(count):
            yield bucket

"""Where the same picture is made again bit for bit: what of a recipe's `environment` a device must share.

A device says of itself what decides bits whatever the model (`Ready.environment`): its kind and name, how many threads
compute there, its kernels and the libraries' versions. What a recipe says beside those follows from its model.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

from .frames import Ready, Submit

_THREADS = "threads"
_LONGEST = 200
MOST_MADE_ON = 64
"""Of what a recipe says of where it was made."""


def made_on(environment: Mapping[str, Any] | None) -> dict[str, str]:
    """What a recipe says of where it was made, in comparable words; of what isn't a recipe's, nothing."""
    told = islice((environment or {}).items(), MOST_MADE_ON)
    return {str(name)[:_LONGEST]: str(value)[:_LONGEST] for name, value in told}


def makes_the_same(ready: Ready, job: Submit) -> bool:
    """Does this worker make the bits that the job's recipe was made with? Of one that was made nowhere yet: any does,
    and of one that says nothing of itself, none is known to."""
    if not job.environment:
        return True
    here = made_on(ready.environment)
    if is_in_shares(job.params.buckets):  # as many threads as there are make the same of shares
        here[_THREADS] = "1"
    return bool(ready.environment) and all(job.environment.get(name) == value for name, value in here.items())


def is_in_shares(buckets: str | None) -> bool:
    """Were all of a picture's steps made in shares of rows, each by one thread?"""
    return bool(buckets) and all("/" in run for run in str(buckets).split(","))

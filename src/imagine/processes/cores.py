"""The processors of this machine that are for us, and how workers that compute on them share them out."""

from __future__ import annotations

import os
from collections.abc import Collection
from itertools import groupby, pairwise
from pathlib import Path

_TOPOLOGY = Path("/sys/devices/system/cpu")


def ours() -> list[int]:
    """The numbers of the processors that this process may have; empty where the system doesn't say."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def shared_out(processors: Collection[int], count: int, topology: Path = _TOPOLOGY) -> list[tuple[int, ...]]:
    """`count` shares of these processors, as even as can be, and the threads of one core in the same share.

    Where there are fewer processors than shares, several shares are of the same one; of none, all are empty.
    """
    ranked = sorted((_core(number, topology), number) for number in processors)
    cores = [[number for _, number in group] for _, group in groupby(ranked, key=lambda each: each[0])]
    units = cores if len(cores) >= count else [[number] for _, number in ranked]
    if len(units) < count:
        return [tuple(units[place % len(units)]) if units else () for place in range(count)]
    bounds = [len(units) * place // count for place in range(count + 1)]
    return [tuple(sorted(number for unit in units[first:last] for number in unit)) for first, last in pairwise(bounds)]


def stay_on(processors: Collection[int]) -> None:
    """From now on this thread, and those that it starts, run on these processors alone, where a system has that."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, processors)


def _core(number: int, topology: Path) -> tuple[int, int]:
    """Its package and core; a processor of which that isn't known is a core by itself."""
    try:
        package, core = (
            int((topology / f"cpu{number}" / "topology" / name).read_text(encoding="ascii"))
            for name in ("physical_package_id", "core_id")
        )
    except (OSError, ValueError):
        return -1, number
    return package, core

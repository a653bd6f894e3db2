"""The networks of a model: those that are held as they are, those that it reads filled in the files' order."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch

from ...words.model import Component, Role
from ..parts.part import Held
from ..parts.part_key import PartKey, is_read
from .components import LoadReport
from .held import network_or_held
from .networks import Network
from .read_ahead import ReadAhead

OnProgress = Callable[[float], None]
_TICK = 0.1
"""Seconds between two words on a cold file's progress."""


class Wanted(NamedTuple):
    """One network that a model wants."""

    key: PartKey
    build: Callable[[], Network]
    """It, empty, if nobody holds it."""


def open_networks(
    components: Sequence[Component], wanted: Mapping[Role, Wanted], device: torch.device, dtype: torch.dtype | None,
    held: Held, progress: OnProgress, report: LoadReport,
) -> dict[Role, Network]:  # fmt: skip
    """All of them, filled, on `device` in `dtype`: None is as each is stored. What a cold file has is read meanwhile.

    `progress` hears 0…1, from this thread; what it raises ends it. Raises UnusableModel.
    """
    paths = [one.path for one in components if one.format != "diffusers" and not is_read(one, held)]
    with ReadAhead(*paths) as read_ahead:
        report.cold = read_ahead.cold
        with report.stage("build"), without_collection():
            networks = {role: network_or_held(each.key, held, each.build) for role, each in wanted.items()}

        def tell(fraction: float) -> None:
            progress(min(fraction, read_ahead.fraction))

        with report.stage("place"):
            fill_all(list(networks.values()), device, dtype, report, tell)
        with report.stage("read"):
            while not read_ahead.wait(_TICK):
                tell(1.0)
    progress(1.0)
    return networks


def fill_all(
    networks: Sequence[Network], device: torch.device, dtype: torch.dtype | None, report: LoadReport,
    progress: OnProgress,
) -> None:  # fmt: skip
    """Fill those that are empty, in the files' order, so that what has to be cast is as it comes in."""
    empty = [network for network in networks if network.tensors]
    total, done = sum(network.nbytes for network in empty), 0

    def placed(nbytes: int) -> None:
        nonlocal done
        done += nbytes
        progress(done / total)

    for network in empty:
        report.casts += network.casts(dtype)
    for network in sorted(empty, key=lambda network: network.address):
        network.fill(device, dtype, placed)


@contextmanager
def without_collection() -> Iterator[None]:
    """Building makes a hundred thousand objects and no garbage: looking for some would take a third of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()

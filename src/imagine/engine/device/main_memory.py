"""Main memory, of which the system ends whoever takes the last: what is left of it, and what stays there for good."""

from __future__ import annotations

from collections.abc import Iterable

import psutil
from torch import Tensor

from ..quantised.tensor import Quantised
from .control_group import group_memory

SHORT = 16
"""Less than one part in so many of main memory is left: it runs short."""


def total() -> int:
    """Bytes that there are for this process."""
    machine, group = int(psutil.virtual_memory().total), group_memory()
    return machine if group is None else min(machine, group.total)


def available() -> int:
    """Bytes that can be taken without anything being swapped out: what is kept of files counts as free."""
    machine, group = int(psutil.virtual_memory().available), group_memory()
    return machine if group is None else min(machine, group.available)


def runs_short() -> bool:
    """Is so little left that whoever can do without some is to give it back?"""
    return available() < total() // SHORT


def owned_bytes(tensors: Iterable[Tensor]) -> int:
    """Bytes that these take of main memory and that only their end gives back: not of an accelerator's, and not those
    of files, which the system lets go of by itself."""
    parts = [part for tensor in tensors for part in _parts(tensor) if part.device.type == "cpu"]
    storages = {storage.data_ptr(): storage for part in parts if (storage := part.untyped_storage()).resizable()}
    return sum(storage.nbytes() for storage in storages.values())


def _parts(tensor: Tensor) -> list[Tensor]:
    if not isinstance(tensor, Quantised):
        return [tensor]
    return [tensor.stored] if tensor.scale is None else [tensor.stored, tensor.scale]

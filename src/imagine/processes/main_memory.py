"""Main memory, of which the system ends whoever takes the last: what there is for this process, and what is left."""

from __future__ import annotations

import psutil

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

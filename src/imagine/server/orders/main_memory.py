"""Whether main memory is short for a picture, as far as that can be known before it is begun."""

from __future__ import annotations

from collections.abc import Sequence

from ...processes.main_memory import available
from ...registry.memory_needed import memory_on
from ...words.entry import Entry
from ...words.frames import Room


def is_short_for(model: Entry, rooms: Sequence[Room]) -> bool:
    """Is less of it free than this model takes, held whole, for one picture of its own size?"""
    works = memory_on(model, rooms).get("works", [])
    return any(available() < work["comfortable"] for work in works[:1])

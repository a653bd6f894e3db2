"""A picture after its job: what the stages that follow hand on to each other."""

from __future__ import annotations

from typing import NamedTuple

from ...messages import Message
from ...words.events import Finished
from ...words.frames import Submit


class Painted(NamedTuple):
    """A finished picture as it is by now, and what is to be said of what became of it."""

    finished: Finished
    stored: str = ""
    """The name that it is kept under."""
    notes: tuple[Message, ...] = ()
    job: Submit | None = None
    """What it was made for; while it goes through its stages."""

"""Why the way to another machine ends, as whoever hears it says; nothing here knows over what."""

from __future__ import annotations

from ..messages import Message


class Parting(Exception):
    """The connection ends, as `note` says why."""

    def __init__(self, note: Message) -> None:
        super().__init__(str(note))
        self.note = note


class Unwanted(Parting):
    """The other side doesn't let this one in, and won't before somebody sees to it."""


class Lie(Parting):
    """The other side said what nobody who is honest says."""

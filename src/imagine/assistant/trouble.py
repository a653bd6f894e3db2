"""Why the assistant has no answer, and what may help."""

from __future__ import annotations

from typing import Literal

from ..messages import Message

Remedy = Literal["", "wait", "room", "otherwise", "less"]
"""Nothing; asking again later; leaving more room for the answer; asking in other words; asking for less: no schema."""


class AssistantTrouble(Exception):
    """There is no answer: `note` says why, in a clause."""

    def __init__(self, note: Message, remedy: Remedy = "", *, away: bool = False) -> None:
        super().__init__(str(note))
        self.note = note
        self.remedy = remedy
        self.away = away
        """Nobody is there, or nobody answers in time: whatever else is asked comes to nothing either."""

"""The seam of checks: each sees every request, whichever dialect it came in, before it is queued."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from ..words.moderation import ModerationVerdict, Policy


class ModerationInput(NamedTuple):
    """What a check may look at."""

    prompt: str
    """What the request says."""
    final_prompt: str
    """What is painted: with what a preset adds, and the words that wildcards became."""
    preset: str | None = None
    policy: Policy | None = None
    """What the request asks for itself."""
    pictures: bool = False
    """Is it made from a picture, whichever way?"""
    names: tuple[tuple[str, str], ...] = ()
    """What else is asked for by a name that may say what it draws, each with the field that names it."""

    @property
    def texts(self) -> tuple[tuple[str, str], ...]:
        """What may hold something, and the field that is told for it: each by itself, at last all that is painted."""
        by = "prompt" if self.preset is None else "preset"
        told = {self.final_prompt: by, self.preset or "": "preset", self.prompt: "prompt"}
        texts = [(field, text) for text, field in reversed(told.items()) if text]
        if not self.names:
            return tuple(texts)
        together = ", ".join([self.final_prompt, *(name for _, name in self.names)])
        return (*texts, *self.names, (self.names[-1][0], together))


class Check(Protocol):
    """One rule of the owner's."""

    def __call__(self, request: ModerationInput) -> Sequence[ModerationVerdict]:
        """What is to be warned of. Raises Blocked where the request is not to be granted."""

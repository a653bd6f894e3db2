"""What the owner doesn't want drawn. Each check sees every request, whichever dialect it came in, before it is queued.

Blocked terms are the first; others can stand beside it in `checks_from`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from ..messages import message
from ..words.errors import Blocked

_WORD = re.compile(r"[^\W_]+")


class ModerationInput(NamedTuple):
    """What a check may look at."""

    prompt: str
    """What the request says."""
    final_prompt: str
    """What is painted: with what a preset adds, and the words that wildcards became."""
    preset: str | None = None


class Check(Protocol):
    """One rule of the owner's."""

    def __call__(self, request: ModerationInput) -> None:
        """Raises Blocked where the request is not to be granted."""


class BlockedTerms:
    """Refuses whole words, and phrases of them, in whatever case and with whatever accents they are written."""

    def __init__(self, terms: Sequence[str]) -> None:
        self._terms = {words: term for term in terms if (words := tuple(words_of(term)))}
        self._longest = max(map(len, self._terms), default=0)

    def __call__(self, request: ModerationInput) -> None:
        """Raises Blocked on the field that holds a term."""
        by = "prompt" if request.preset is None else "preset"
        texts = (("prompt", request.prompt), ("preset", request.preset or ""), (by, request.final_prompt))
        for field, text in texts:
            if (term := self._term_in(text)) is not None:
                raise Blocked(message("blocked.term", field, term=term))

    def _term_in(self, text: str) -> str | None:
        words = list(words_of(text))
        spans = (tuple(words[i : i + n]) for i in range(len(words)) for n in range(1, self._longest + 1))
        return next((self._terms[span] for span in spans if span in self._terms), None)


def words_of(text: str) -> Iterator[str]:
    """The words of a text, with case and accents folded and what nobody sees left out."""
    plain = "".join(
        letter
        for letter in unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
        if unicodedata.category(letter) not in ("Mn", "Cf")
    )
    yield from _WORD.findall(plain)


def checks_from(blocked_terms: Sequence[str]) -> tuple[Check, ...]:
    """The checks that an owner asks for."""
    return (BlockedTerms(blocked_terms),) if blocked_terms else ()

"""Words and phrases that the owner doesn't want drawn, whatever the policy."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from ..messages import message
from ..words.errors import Blocked
from ..words.moderation import ModerationVerdict
from .check import ModerationInput

_WORD = re.compile(r"[^\W_]+")
_BLOCKED = ModerationVerdict(action="block", categories={}, stage="prompt", rule="blocked_terms", policy=None)


class BlockedTerms:
    """Refuses whole words, and phrases of them, in whatever case and with whatever accents they are written."""

    def __init__(self, terms: Sequence[str]) -> None:
        self._terms = {words: term for term in terms if (words := tuple(words_of(term)))}
        self._longest = max(map(len, self._terms), default=0)

    def __call__(self, request: ModerationInput) -> list[ModerationVerdict]:
        """Nothing to be warned of. Raises Blocked on the field that holds a term."""
        for field, text in request.texts:
            if (term := self._term_in(text)) is not None:
                raise Blocked(message("blocked.term", field, term=term), _BLOCKED)
        return []

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

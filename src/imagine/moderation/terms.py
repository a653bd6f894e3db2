"""Words and phrases that the owner doesn't want drawn, whatever the policy."""

from __future__ import annotations

from collections.abc import Sequence

from ..messages import message
from ..words.errors import Blocked
from ..words.moderation import ModerationVerdict
from .check import ModerationInput
from .lexicon import Lexicon
from .normalise import reading_of

_BLOCKED = ModerationVerdict(action="block", categories={}, stage="prompt", rule="blocked_terms", policy=None)


class BlockedTerms:
    """Refuses whole words, and phrases of them, as every list is read, with its `*` and `~`."""

    def __init__(self, terms: Sequence[str]) -> None:
        self._terms = tuple(terms)
        self._lexicon = Lexicon({term: (term,) for term in terms})

    def __call__(self, request: ModerationInput) -> list[ModerationVerdict]:
        """Nothing to be warned of. Raises Blocked on the field that holds a term."""
        for field, text in request.texts:
            found = self._lexicon.found_in(reading_of(text))
            if (term := next((each for each in self._terms if each in found), None)) is not None:
                raise Blocked(message("blocked.term", field, term=term), _BLOCKED)
        return []

"""The checks of prompts that an owner asks for."""

from __future__ import annotations

from collections.abc import Sequence

from .check import Check
from .terms import BlockedTerms


def checks_from(blocked_terms: Sequence[str]) -> tuple[Check, ...]:
    """In the order in which they look."""
    own: tuple[Check, ...] = (BlockedTerms(blocked_terms),) if blocked_terms else ()
    return own

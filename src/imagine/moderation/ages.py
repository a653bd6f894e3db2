"""Ages below eighteen, as prompts say them in numbers."""

from __future__ import annotations

import re

_AGE = r"(?<![0-9.,])(?:1[0-7]|[1-9])"
_AGES = re.compile(
    rf"{_AGE}\W{{0,3}}(?:years?|yrs?)\W{{0,3}}(?:olds?|of\s+age)\b|{_AGE}\W{{0,3}}(?:yo|y\W?o)\b"
    rf"|\bage(?:d|s)?\W{{0,3}}(?:of\W{{0,2}})?{_AGE}(?![0-9])"
    rf"|{_AGE}\W{{0,3}}(?:ти|и|х)?\W{{0,3}}лет|{_AGE}\W{{0,3}}годика|\b[2-4]\W{{0,2}}года\b"
)


def says_minor(text: str) -> bool:
    """Does a folded text speak of somebody below eighteen, by a number? "5 лет назад" does, too: it is no verdict."""
    return _AGES.search(text) is not None

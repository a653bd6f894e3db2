"""A prompt in the pieces whose meaning is looked at: all of it, and each clause, so that none is lost among others."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .letters import folded, readings_of, unrepeated
from .lexicon import without_benign
from .normalise import plain_clauses

MOST = 64
"""Pieces of a prompt: where it has more clauses, several are looked at together."""
_LONG, _WINDOW, _SHARED = 24, 16, 4
"""Words of a clause in which a few would be lost; of the stretches that it is looked at in; and of two of these."""
_LEAST = 3
"""Letters of a clause that means something."""
_WORD = re.compile(r"[^\W_]+(?:[@$€£!|+0-9]+[^\W_]+)*")
_WITHIN = re.compile(r"[^\W\d_][@$€£!|+0-9]+[^\W\d_]|[^\W\d_][@$€£]|[@$€£][^\W\d_]")
_STRETCHED = re.compile(r"([^\W\d_])\1\1")
_LATIN, _CYRILLIC = re.compile(r"[a-z'’-]+"), re.compile(r"[а-я'’-]+")


def pieces_of(prompt: str) -> list[str]:
    """At most `MOST` of them, the whole first, in letters as a reader takes them; none of a prompt without words."""
    clauses = [_as_read(clause) for clause in plain_clauses(without_benign(prompt))]
    said = [piece for clause in clauses for piece in _windows(clause) if sum(map(str.isalpha, piece)) >= _LEAST]
    found = list(dict.fromkeys([", ".join(clauses), *_joined(said)])) if said else []
    return found[:MOST]


def _joined(pieces: list[str]) -> list[str]:
    """The same in fewer, where they are too many."""
    together = -(-len(pieces) // (MOST - 1))
    return [", ".join(pieces[at : at + together]) for at in range(0, len(pieces), together)]


def _windows(clause: str) -> Iterator[str]:
    """A clause, or a long one in stretches that share some words with the next."""
    words = clause.split()
    if len(words) <= _LONG:
        yield clause
        return
    for at in range(0, len(words) - _SHARED, _WINDOW - _SHARED):
        yield " ".join(words[at : at + _WINDOW])


def _as_read(clause: str) -> str:
    return _WORD.sub(lambda word: _plainly(word[0]), folded(clause))


def _plainly(word: str) -> str:
    """A word of one alphabet, where it is written in two or with signs among its letters; numbers stay."""
    if _LATIN.fullmatch(word) or _CYRILLIC.fullmatch(word) or not (_WITHIN.search(word) or word.isalpha()):
        return min(unrepeated(word), key=len, default=word) if _STRETCHED.search(word) else word
    plain = [each for each in readings_of(word) if _LATIN.fullmatch(each) or _CYRILLIC.fullmatch(each)]
    return max(sorted(plain), key=lambda each: sum(map(str.__eq__, each, word)), default=word)

"""A prompt in the pieces whose meaning is looked at: all of it, and each clause, so that none is lost among others."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .letters import folded, readings_of, unrepeated
from .lexicon import without_benign
from .normalise import plain_clauses

MOST = 64
"""Pieces of a prompt that are compared: where it has more clauses, short ones are looked at together."""
_LONG, _WINDOW, _SHARED = 24, 16, 4
"""Words of a clause in which a few would be lost; of the stretches that it is looked at in; and of two of these."""
_WIDE = 160
"""Characters of a piece, so that each is compared to its end and in a time that is known."""
_LEAST = 3
"""Letters of a clause that means something."""
_WORD = re.compile(r"[^\W_]+(?:[@$€£!|+0-9]+[^\W_]+)*")
_WITHIN = re.compile(r"[^\W\d_][@$€£!|+0-9]+[^\W\d_]|[^\W\d_][@$€£]|[@$€£][^\W\d_]")
_STRETCHED = re.compile(r"([^\W\d_])\1\1")
_LATIN, _CYRILLIC = re.compile(r"[a-z'’-]+"), re.compile(r"[а-я'’-]+")


def pieces_of(prompt: str) -> list[str]:
    """The whole first, then short ones in their order, in letters as a reader takes them; none of what has no words.

    A prompt too long to be compared has more than `MOST` of them.
    """
    clauses = [_as_read(clause) for clause in plain_clauses(without_benign(prompt))]
    said = [piece for clause in clauses for piece in _windows(clause) if sum(map(str.isalpha, piece)) >= _LEAST]
    return list(dict.fromkeys([", ".join(clauses), *_joined(list(dict.fromkeys(said)))])) if said else []


def _joined(pieces: list[str]) -> list[str]:
    """The same in fewer, where they are too many."""
    if len(pieces) < MOST:
        return pieces
    joined = pieces[:1]
    for piece in pieces[1:]:
        both = f"{joined[-1]}, {piece}"
        if len(both) <= _WIDE and len(both.split()) <= _WINDOW:
            joined[-1] = both
        else:
            joined.append(piece)
    return joined


def _windows(clause: str) -> Iterator[str]:
    """A clause, or a long one in stretches that share some words with the next."""
    words, at = [word[:_WIDE] for word in clause.split()], 0
    if len(words) <= _LONG and len(clause) <= _WIDE:
        yield clause
        return
    while at < len(words):
        end, width = at + 1, len(words[at])
        while end < min(at + _WINDOW, len(words)) and width + 1 + len(words[end]) <= _WIDE:
            width += 1 + len(words[end])
            end += 1
        yield " ".join(words[at:end])
        at = end if end == len(words) else max(at + 1, end - _SHARED)


def _as_read(clause: str) -> str:
    return _WORD.sub(lambda word: _plainly(word[0]), folded(clause))


def _plainly(word: str) -> str:
    """A word of one alphabet, where it is written in two or with signs among its letters; numbers stay."""
    if _LATIN.fullmatch(word) or _CYRILLIC.fullmatch(word) or not (_WITHIN.search(word) or word.isalpha()):
        return min(unrepeated(word), key=len, default=word) if _STRETCHED.search(word) else word
    plain = [each for each in readings_of(word) if _LATIN.fullmatch(each) or _CYRILLIC.fullmatch(each)]
    return max(sorted(plain), key=lambda each: sum(map(str.__eq__, each, word)), default=word)

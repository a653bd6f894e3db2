"""A prompt as it is compared with lists: in every way that a reader, or a text encoder, could take its letters.

Nothing is painted of this: the model gets the prompt as it was written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from .letters import LEET, folded, readings_of, unrepeated

WordReadings = frozenset[str]
"""The ways that one word can be read."""
_TAG = re.compile(r"<[^<>]{0,300}>")
_WEIGHT = re.compile(r":\s{0,9}-?[0-9.]{1,8}\s{0,9}(?=[)\]}])")
_BRACKETS = re.compile(r"[()\[\]{}\\]")
_OPERATORS = re.compile(r"\b(?:BREAK|AND)\b")
_HUMP = re.compile(r"(?<=[a-zа-яё])(?=[A-ZА-ЯЁ])|(?<=[A-ZА-ЯЁ])(?=[A-ZА-ЯЁ][a-zа-яё])")
_FORMATS = re.compile("[\u00ad\u200b-\u200f\u2060-\u2064\ufeff\u3164\u2800\U000e0020-\U000e007f]+")
_BACKWARDS = re.compile("[\u202e\u2067]([^\u202c\u2069]*)[\u202c\u2069]?")
CLAUSE_END = ","
"""Stands among the readings of a word that a clause ends with."""
_WORD = re.compile(r"[^\W_]+")
_ENDED_WORD = re.compile(r"[^\W_]+(?:,(?=\s))?")
_CLAUSE = re.compile(r"(?<=[^\W_]{3})['\")\]}]{0,3}[,.;!?](?=\s)")
"""Marks behind a word: letters that are spelled with marks between them are no clauses."""
_BETWEEN = re.compile(r"(?<=[^\W_]{2})['\")\]}]{0,3}[,.;!?]+(?=\s)|\s,\s|[\n\r|;]+|\s[-–—]\s")
"""What stands between two clauses."""
_CHUNK = re.compile(r"\S+")
_SIGN = re.compile(rf"[^\W_]|[{re.escape(LEET)}]")
_SPELLED = re.compile(r"[^\W_]+|[@$€£]")
_ENDS = "!|+.,;:?"
"""Marks that end a sentence, and are no letters there."""
_REMEMBERED = 8192
_LONGEST = 48
"""Letters of the longest word, and of a piece of what is spelled: each is half within the one before."""
_PIECE = 2
"""Letters of the longest word that spelling leaves."""
_LEAST_SPELLED = 3


class Reading(NamedTuple):
    """A prompt, read."""

    lines: tuple[tuple[WordReadings, ...], ...]
    """Its words in their order, cut in several ways."""
    runs: tuple[WordReadings, ...]
    """What is spelled letter by letter, without anything between: where a word begins isn't known."""
    text: str
    """All of it, folded, for what isn't a word."""


def reading_of(prompt: str) -> Reading:
    """All the ways that the prompt is compared in."""
    text = _OPERATORS.sub(" ", prompt)
    texts = dict.fromkeys([text, _BACKWARDS.sub(lambda found: found[1][::-1], text)])
    cut = dict.fromkeys(tuple(line) for each in texts for line in _lines(each))
    lines = tuple(tuple(_read(word) for word in line if len(word) <= _LONGEST) for line in cut)
    runs = [piece for each in texts for run in _runs(folded(_TAG.sub("", each))) for piece in _pieces(run)]
    return Reading(lines, tuple(_read(run) for run in dict.fromkeys(runs)), " ".join(map(folded, texts)))


def plain_clauses(prompt: str) -> list[str]:
    """A prompt's clauses as they are written, without what isn't words: tags, weights, brackets, what nobody sees."""
    text = _BACKWARDS.sub(lambda found: found[1][::-1], _OPERATORS.sub(" , ", prompt))
    words = _FORMATS.sub("", _BRACKETS.sub("", _WEIGHT.sub("", _TAG.sub(" ", text))))
    clauses = _BETWEEN.split(words)
    return [" ".join(clause.split()) for clause in clauses if not clause.isspace() and clause]


def _lines(text: str) -> Iterator[list[str]]:
    """Its words as they stand there; joined where no space is; and with signs as letters."""
    for each in dict.fromkeys([text, _HUMP.sub(" ", text), _FORMATS.sub(" ", text)]):
        words = _ENDED_WORD.findall(_CLAUSE.sub(CLAUSE_END, folded(_WEIGHT.sub(" ", _TAG.sub(" ", each)))))
        yield words
        yield [word for word, before in zip(words, ["", *words], strict=False) if word != before]
    joined = _CLAUSE.sub(CLAUSE_END, folded(_BRACKETS.sub("", _WEIGHT.sub("", _TAG.sub("", text)))))
    yield ["".join(_WORD.findall(chunk)) + _end_of(chunk) for chunk in _CHUNK.findall(joined.replace("|", " "))]
    for ends in ("", _ENDS):
        yield ["".join(_SIGN.findall(chunk.rstrip(ends))) + _end_of(chunk) for chunk in _CHUNK.findall(joined)]


def _end_of(chunk: str) -> str:
    return CLAUSE_END if chunk.endswith(CLAUSE_END) else ""


def _runs(text: str) -> Iterator[str]:
    """Stretches of words of one or two letters, which nobody writes but who spells."""
    run: list[str] = []
    for word in [*_SPELLED.findall(text), " " * (_PIECE + 1)]:
        if len(word) <= _PIECE:
            run.append(word)
            continue
        letters = "".join(run)
        if len(letters) > _LEAST_SPELLED - (len(run) >= _LEAST_SPELLED) and 2 * sum(map(str.isalpha, run)) >= len(run):
            yield letters
        run = []


def _pieces(run: str) -> Iterator[str]:
    for start in range(0, max(1, len(run) - _LONGEST // 2), _LONGEST // 2):
        yield run[start : start + _LONGEST]


@lru_cache(_REMEMBERED)
def _read(word: str) -> WordReadings:
    read = readings_of(word.removesuffix(CLAUSE_END))
    end = {CLAUSE_END} if word.endswith(CLAUSE_END) else frozenset[str]()
    return frozenset(read.union(*map(unrepeated, read), end))

"""AUTOMATIC1111's prompt syntax: `(word:1.3)`, `((word))`, `[word]`, backslash escapes and `BREAK`.

The behaviour is that of AUTOMATIC1111's web UI, so that a prompt copied from there means the same here:
https://github.com/AUTOMATIC1111/stable-diffusion-webui/wiki/Features#attentionemphasis

- `(a)` weighs `a` by 1.1, `[a]` by 1/1.1, `(a:1.3)` by 1.3; what is nested is multiplied.
- A closing bracket or a `:1.3)` with nothing open is text; what is never closed weighs to the end.
- Round and square brackets are matched separately, so `(a [b) c]` weighs `a b` and `b c`.
- `\\(`, `\\)`, `\\[`, `\\]` and `\\\\` are the character itself.
- `BREAK`, in capitals and a word of its own, ends a chunk; brackets around it go on working behind it.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from ...messages import Message, message

EMPHASIS = 1.1
"""What one pair of round brackets multiplies by, and one pair of square ones divides by."""
MAX_WEIGHT = 10.0
"""Beyond this, either way, an embedding is noise and fp16 is near to overflow."""

_TOKEN = re.compile(
    r"""
    (?P<escaped> \\[()\[\]\\] )
  | (?P<weight>  :\s*(?P<number> [+-]?(?: (?:\d[\d.]*|\.[\d.]*\d)(?:e[+-]?\d+)? | nan | inf(?:inity)? ))\s*\) )
  | (?P<bracket> [()\[\]] )
  | (?P<text>    [^\\()\[\]:]+ | [\\:] )
    """,
    re.VERBOSE | re.IGNORECASE,
)
_BREAK = re.compile(r"\bBREAK\b")


@dataclass(frozen=True)
class Piece:
    """A run of text of one weight."""

    text: str
    weight: float = 1.0


@dataclass(frozen=True)
class Break:
    """What follows starts a new chunk."""


class Prompt(NamedTuple):
    """A prompt's pieces in order, neighbours of one weight merged; `warnings` are sentences for the user."""

    pieces: list[Piece | Break]
    warnings: list[Message]


def parse(text: str) -> Prompt:
    """The pieces of `text`, in time linear in its length. Never raises.

    Weights are finite and within ±`MAX_WEIGHT`; what was written otherwise is named in `warnings`. Text with no
    syntax in it comes back as one unchanged piece of weight 1, and the empty text as no pieces.
    """
    tokens, warnings = _matched(text)
    weighted = list(_weighted(tokens))
    if any(isinstance(piece, Piece) and abs(piece.weight) > MAX_WEIGHT for piece in weighted):
        warnings.append(message("prompt.weights", most=MAX_WEIGHT))
    return Prompt(_merged(weighted), warnings)


@dataclass
class _Open:
    """An opening round bracket; its factor and emphases are known once it is closed."""

    factor: float = 1.0
    emphases: int = 1


@dataclass
class _Close:
    opened: _Open


@dataclass
class _Square:
    """Either end of a pair of square brackets."""

    emphases: int


_Token = str | Break | _Open | _Close | _Square


def _matched(text: str) -> tuple[list[_Token], list[Message]]:
    """Split `text` with its brackets matched, so that a round one's weight is known where it opens."""
    tokens: list[_Token] = []
    warnings: list[Message] = []
    rounds: list[_Open] = []
    squares = 0
    for match in _TOKEN.finditer(text):
        found = match.group()
        if match["escaped"]:
            tokens.append(found[1])
        elif found == "(":
            rounds.append(_Open())
            tokens.append(rounds[-1])
        elif rounds and (found == ")" or match["weight"]):
            opened = rounds.pop()
            tokens.append(_Close(opened))
            if match["weight"]:
                opened.factor, opened.emphases = _weight(match["number"], warnings), 0
        elif found == "[":
            squares += 1
            tokens.append(_Square(-1))
        elif found == "]" and squares:
            squares -= 1
            tokens.append(_Square(+1))
        else:
            tokens.extend(_split_at_breaks(found))
    return tokens, warnings


def _split_at_breaks(text: str) -> list[str | Break]:
    first, *others = _BREAK.split(text)
    if not others:
        return [first]
    split: list[str | Break] = [first.rstrip()]
    for other in others:
        split += [Break(), other.strip()]
    split[-1] = others[-1].lstrip()
    return split


def _weight(number: str, warnings: list[Message]) -> float:
    """The weight written as `number`, or 1 where it says none."""
    try:
        weight = float(number)
    except ValueError:  # such as 1.2.3
        weight = math.nan
    if not math.isfinite(weight):
        warnings.append(message("prompt.no_weight", value=number[:20]))
        return 1.0
    if abs(weight) > MAX_WEIGHT:
        warnings.append(message("prompt.weight", value=number[:20], most=MAX_WEIGHT))
    return _clamp(weight, MAX_WEIGHT)


def _weighted(tokens: list[_Token]) -> list[Piece | Break]:
    """Text and breaks alone, each text with the product of the brackets around it.

    Plain brackets are counted and not multiplied, so that `[(word)]` weighs exactly 1.
    """
    weighted: list[Piece | Break] = []
    factors, emphases = [1.0], 0
    for token in tokens:
        match token:
            case str():
                weighted.append(Piece(token, factors[-1] * EMPHASIS ** _clamp(emphases, 300)))
            case Break():
                weighted.append(token)
            case _Open():
                factors.append(_clamp(factors[-1] * token.factor, 1e100))
                emphases += token.emphases
            case _Close():
                factors.pop()
                emphases -= token.opened.emphases
            case _Square():
                emphases += token.emphases
    return weighted


def _merged(pieces: list[Piece | Break]) -> list[Piece | Break]:
    """Weights clamped, neighbours of one weight joined, the empty left out."""
    merged: list[Piece | Break] = []
    filled = (piece for piece in pieces if isinstance(piece, Break) or piece.text)
    for weight, run in groupby(filled, lambda p: None if isinstance(p, Break) else _clamp(p.weight, MAX_WEIGHT)):
        if weight is None:
            merged.extend(run)
        else:
            merged.append(Piece("".join(piece.text for piece in run if isinstance(piece, Piece)), weight))
    return merged


def _clamp(value: float, limit: float) -> float:
    return min(max(value, -limit), limit)

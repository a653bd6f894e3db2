"""From what a language model wrote to the object that was asked for. Nothing of it is trusted; all is bounded."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from ..messages import message
from .trouble import AssistantTrouble

LONGEST = 2**16
"""Characters of an answer that are read."""
_THOUGHTS = re.compile(r"<(think|thinking|reasoning|thought)>.*?(?:</\1>|\Z)", re.DOTALL | re.IGNORECASE)
_CLOSED = re.compile(r"\A.*?</(?:think|thinking|reasoning|thought)>", re.DOTALL | re.IGNORECASE)
"""Thoughts whose beginning the server's template has swallowed."""
_FENCED = re.compile(r"```[a-zA-Z0-9]*\s*\n(.*?)(?:```|\Z)", re.DOTALL)
_DECODER = json.JSONDecoder()
_MOST_STARTS = 64


def object_in(text: str) -> dict[str, Any]:
    """The JSON object that `text` is, or holds: in a fence, behind thoughts, among remarks, in a list of one.

    Raises AssistantTrouble for none.
    """
    if not text.strip():
        raise AssistantTrouble(message("assist.empty"), "otherwise")
    if len(text) > LONGEST:
        raise AssistantTrouble(message("assist.too_long"), "otherwise")
    said = _CLOSED.sub("", _THOUGHTS.sub("", text)) or text
    for candidate in (said, *_FENCED.findall(said)):
        if (found := _whole(candidate)) is not None:
            return found
    if (found := _within(said)) is not None:
        return found
    raise AssistantTrouble(message("assist.no_json"), "otherwise")


def _whole(text: str) -> dict[str, Any] | None:
    try:
        return _object(json.loads(text))
    except (ValueError, RecursionError):
        return None


def _within(text: str) -> dict[str, Any] | None:
    """The first object that begins somewhere and is whole."""
    at = -1
    for _ in range(_MOST_STARTS):
        at = text.find("{", at + 1)
        if at < 0:
            break
        try:
            found = _object(_DECODER.raw_decode(text, at)[0])
        except (ValueError, RecursionError):
            continue
        if found:
            return found
    return None


def _object(value: object) -> dict[str, Any] | None:
    """It, or the one thing in a list, or the text within which some models write it once more."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    return dict(value) if isinstance(value, Mapping) else None


def objects(value: object) -> list[dict[str, Any]]:
    """The objects in a list; none in what is no list."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


_SPACES = re.compile(r"\s+")


def words(value: object, longest: int) -> str:
    """A value as one line of text: no control characters, no halves of characters, no more than so many. "" for none.

    A list's parts are joined; a number is written out.
    """
    if isinstance(value, list | tuple):
        return words(", ".join(filter(None, (words(each, longest) for each in value[:16]))), longest)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    try:
        text = str(value)[: 4 * longest]
    except ValueError:  # a number of more digits than Python writes
        return ""
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    shortened = _SPACES.sub(" ", plain).strip()
    if shortened.lower() in _NOTHING:
        return ""
    if len(shortened) <= longest:
        return shortened
    cut = shortened[:longest].rpartition(" ")[0]
    return (cut or shortened[:longest]).rstrip(" ,;.")


_NOTHING = frozenset({"n/a", "na", "none", "null", "unknown", "-", "...", "…", "not visible", "string", "unspecified"})
"""What models write where they have nothing to say, or repeat of a schema."""


def several(value: object, most: int, longest: int) -> tuple[str, ...]:
    """A value as a few texts: a list's parts, or what commas divide; each once."""
    parts = value if isinstance(value, list | tuple) else value.split(",") if isinstance(value, str) else [value]
    return tuple(dict.fromkeys(filter(None, (words(each, longest) for each in parts[: 4 * most]))))[:most]


_SYNTAX = re.compile(r"[<>{}\[\]()|\\_*]+")
"""What means something in a prompt here: weights, tags, wildcards. A model that plans has no use for it."""
_COMMANDS = re.compile(r"\b(AND|BREAK)\b")


def plain(text: str) -> str:
    """Without what means something else than words in a prompt."""
    bare = _COMMANDS.sub(lambda found: found[1].lower(), _SYNTAX.sub(" ", text))
    return re.sub(r"\s+([,.;])", r"\1", re.sub(r"\s+", " ", bare)).strip(" ,;")

"""How the owner has prompts compared by what they mean: `moderation.embeddings`, a mapping, two of it for short."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ..asking.checking import shown
from ..words.moderation import THRESHOLDS, EmbeddingSettings, Failing, MeaningRule

SHORTHANDS = ("model", "threshold")
"""What may be said of embeddings without their name."""
_LONGEST = 200


def embeddings(value: object) -> EmbeddingSettings:
    """The mapping, or the name of its model. Raises ValueError."""
    if not isinstance(value, Mapping):
        value = {"model": value}
    if unknown := [name for name in value if name not in _READ]:
        raise ValueError(f"such that embeddings is a mapping of {_FIELDS}, without {shown(unknown[0])}")
    read = {name: _READ[name](part) for name, part in value.items() if part is not None}
    return EmbeddingSettings(**read)


def _encoder(value: object) -> str | None:
    """The name of a file; "" for none, None for any."""
    text = str(value).strip()
    if not 0 < len(text) <= _LONGEST:
        raise ValueError("such that the model of embeddings is a file's name, or none")
    if text.lower() in ("none", "off", "no", "false"):
        return ""
    return None if text.lower() in ("on", "yes", "true") else text


def _rule(value: object) -> MeaningRule:
    found = next((rule for rule in THRESHOLDS if rule == str(value).strip().lower()), None)
    if found is None:
        raise ValueError(f"such that the rule of embeddings is {' or '.join(THRESHOLDS)}")
    return found


def _fail(value: object) -> Failing:
    match str(value).strip().lower():
        case "open":
            return "open"
        case "closed":
            return "closed"
    raise ValueError("such that fail of embeddings is open or closed")


def _threshold(value: object) -> float:
    try:
        number = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else math.nan
    except ValueError:
        number = math.nan
    if not 0 <= number <= 1:
        raise ValueError("such that threshold of embeddings is a number from 0 to 1")
    return number


def with_shorthands(value: Mapping[Any, Any]) -> object:
    """What is said of embeddings, at its place or for short."""
    short = {name: value[name] for name in SHORTHANDS if value.get(name) is not None}
    said = value.get("embeddings")
    if not short:
        return said
    if said is not None and not (isinstance(said, Mapping) and not short.keys() & said.keys()):
        raise ValueError(f"such that {' and '.join(short)} stand among embeddings, or beside it, not both")
    return {**short, **(said or {})}


_READ: dict[str, Any] = {"model": _encoder, "rule": _rule, "threshold": _threshold, "fail": _fail}
_FIELDS = ", ".join(_READ)

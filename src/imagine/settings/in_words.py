"""A setting's value as a log shows it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ..asking.loras import LoraWish
from ..asking.resolve import Defaults
from .values import ModelSettings

NOTHING = "none"


def in_words(value: object) -> str:
    """The value as a user would say it; NOTHING where it says nothing."""
    match value:
        case ModelSettings():
            batch = [] if value.max_batch is None else [f"max_batch {value.max_batch}"]
            compiled = [] if value.compile is None else [f"compile {value.compile}"]
            parts = _parts(value.defaults) + batch + compiled
            return f"{value.name} ({', '.join(parts) or NOTHING})"
        case Defaults():
            return f"({', '.join(parts)})" if (parts := _parts(value)) else NOTHING
        case tuple():
            return ", ".join(map(in_words, value)) or NOTHING
    return NOTHING if value is None else str(value)


def _parts(defaults: Defaults) -> list[str]:
    stated = msgspec.structs.asdict(defaults)
    return [f"{name} {_quoted(value)}" for name, value in stated.items() if value is not None]


def _quoted(value: object) -> str:
    """Text that isn't one word is in quotes, since commas and names come behind it."""
    if isinstance(value, tuple):
        return " and ".join(map(_quoted, value))
    if isinstance(value, Mapping):
        return " and ".join(f"{_quoted(name)} {_quoted(part)}" for name, part in value.items())
    if isinstance(value, LoraWish):
        stated = [f"{part:g}" for part in (value.weight, value.clip_weight) if part is not None]
        return " ".join([_quoted(value.name), *stated])
    text = str(value)
    return text if text and not set(text) & set(" ,()'") else f'"{text}"'

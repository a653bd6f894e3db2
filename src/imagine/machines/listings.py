"""What a server lists for those that it works for, and what these believe of it.

An entry that crosses has no path, no stamps and no words of its file's; who hears of it makes it anew of what it may
say, and what isn't so is a `Lie`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable
from typing import Any

import msgspec

from ..families.table import FAMILIES
from ..messages import message
from ..words.entry import Entry
from ..words.sizes import Sizes, Weight
from .parting import Lie
from .told import plain

MOST_LISTED = 4096
AT_ONCE = 32
"""Entries in a frame, which has as many bytes as a host says at most."""
_KINDS = frozenset({"checkpoint", "diffusion_model", "vae", "text_encoder", "lora"})
_FIELDS = (
    "name", "kind", "family", "variant", "prediction", "zero_snr", "size", "modified", "digest", "file_digest",
    "header_digest", "parameters", "dtype", "resolution", "has_vae", "text_encoders", "needs", "vae", "encoders",
    "composes", "context", "views", "distilled", "triggers", "bundled", "autov3", "sizes", "companions", "format",
)  # fmt: skip
_DIGEST = re.compile(r"[0-9a-f]{64}")
_LONGEST, _MOST, _LARGEST, _MOST_BYTES = 200, 64, 2**60, 2**14


def listed_from(entries: Iterable[Entry], held: Collection[str]) -> list[Entry]:
    """Of a server's files those that others may ask for, as they cross; it has said that these digests are there."""
    there = [
        entry
        for entry in entries
        if entry.kind in _KINDS and entry.digest in held and not (entry.is_named or entry.problem or entry.shipped)
    ]
    return [_bare(entry) for entry in there if _is_short(entry)][:MOST_LISTED]


def entry_from(told: Entry, place: str) -> Entry:
    """An entry that came from elsewhere. Raises Lie."""
    known = told.kind in _KINDS and told.family in FAMILIES
    if not known or not _DIGEST.fullmatch(told.digest) or not _is_short(told):
        raise Lie(message("lie.holdings"))
    return msgspec.structs.replace(_bare(told), place=place)


def _bare(entry: Entry) -> Entry:
    return Entry(path="", **{name: getattr(entry, name) for name in _FIELDS})


def _is_short(entry: Entry) -> bool:
    sound = bool(entry.name) and all(_is_sound(getattr(entry, name)) for name in _FIELDS)
    return sound and len(msgspec.msgpack.encode(_bare(entry))) <= _MOST_BYTES


def _is_sound(value: Any) -> bool:
    """Is it what a header says: a short text on one line, a number from nothing up, or some of them?"""
    match value:
        case str():
            return len(value) <= _LONGEST and plain(value) == value
        case int() | float():
            return math.isfinite(value) and 0 <= value <= _LARGEST
        case Sizes() | Weight():
            return all(_is_sound(getattr(value, name)) for name in value.__struct_fields__)
        case tuple():
            return len(value) <= _MOST and all(map(_is_sound, value))
    return False

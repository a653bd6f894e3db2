"""Names of files made of what a picture is: `{prompt}_{seed}`, safe on every system."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

import click

FIELDS = {
    "prompt": "the prompt's first words",
    "seed": "the picture's seed",
    "model": "the model",
    "index": "the picture's number in this run, from 1",
    "date": "the day, as 20231027",
    "time": "the time, as 153045",
}
TELLING = frozenset(["seed", "index"])
"""What tells the pictures of one run from each other."""
_FIELD = re.compile(r"\{([A-Za-z_]\w*)\}")
_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff\ufeff\\/:*?"<>|\s]+')
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])", re.IGNORECASE)
"""Devices of Windows, whatever comes behind a dot."""
_MOST_BYTES = 100


def fields_of(name: str) -> frozenset[str]:
    """The fields in `name`. Raises click.BadParameter for one that doesn't exist."""
    fields = frozenset(_FIELD.findall(name))
    if unknown := sorted(fields - FIELDS.keys()):
        allowed = ", ".join(f"{{{field}}}" for field in FIELDS)
        raise click.BadParameter(f"there is no {{{unknown[0]}}}; there are {allowed}", param_hint="--output")
    return fields


def filled(name: str, values: Mapping[str, str]) -> str:
    """`name` with its fields' values, each as a part of a file's name."""
    return _FIELD.sub(lambda field: safe(values[field[1]]), name)


def safe(text: str) -> str:
    """`text` as a part of a file's name on any system: one line, at most 100 bytes, and never empty or hidden."""
    plain = _UNSAFE.sub("_", unicodedata.normalize("NFC", text))
    short = plain.encode("utf-8", "ignore")[:_MOST_BYTES].decode("utf-8", "ignore")
    name = short.lstrip("._- ").rstrip("._ ")
    return f"_{name}" if _RESERVED.fullmatch(name.split(".")[0]) else name or "picture"

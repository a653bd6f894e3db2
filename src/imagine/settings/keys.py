"""Keys with names: who has one is answered, under the rules that the owner has for that key."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from ..asking.checking import shown
from ..files.model_folders import path
from ..files.reading import read_text
from ..messages import in_english
from ..words.errors import ImagineError
from ..words.moderation import KeyRules
from .moderation import key_rules

T = TypeVar("T")
MOST_KEYS = 256
_KEY = re.compile(r"[!-~](?:[ -~]{0,998}[!-~])?")
_NAME = re.compile(r"[^\W_](?:[\w. -]{0,62}[^\W_])?")
_LONGEST_FILE = 2**16
_ALLOWED = "a mapping of names to mappings of key (or key_file) and moderation"


class NamedKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key, and what the owner calls whoever has it."""

    name: str
    key: str
    rules: KeyRules = KeyRules()

    def __repr__(self) -> str:
        return f"{self.name} ({self.rules})" if str(self.rules) else self.name

    __str__ = __repr__


def key(value: object) -> str:
    """A key that clients can send: as a header's value, in whichever encoding they write those."""
    if not isinstance(value, str) or not _KEY.fullmatch(value):
        raise ValueError("text of 1 to 1000 visible ASCII characters, without a space at either end")
    return value


def key_in(file: Path, field: str) -> str:
    """The key that a file of the owner's holds. Raises ImagineError, about the setting `field`, for what is none."""
    found = read_text(file, _LONGEST_FILE, field=field).strip()
    if not found:
        raise ImagineError(in_english(f"the key file {file} is empty", field))
    try:
        return key(found)
    except ValueError as error:
        raise ImagineError(in_english(f"the key in the file {file} must be {error}", field)) from error


def keys(value: object) -> tuple[NamedKey, ...]:
    """By name. Raises ValueError, which never holds a key, and ImagineError for a file that can't be read."""
    if not isinstance(value, Mapping) or len(value) > MOST_KEYS:
        raise ValueError(f"{_ALLOWED}, {MOST_KEYS} at most")
    parsed = tuple(_named(str(name).strip(), said) for name, said in value.items())
    for at, one in enumerate(parsed):
        for other in parsed[:at]:
            if one.key == other.key or one.name == other.name:
                names = f"{shown(other.name)} and {shown(one.name)}"
                raise ValueError(f"such that each has a name and a key of its own, unlike {names}")
    return parsed


def _named(name: str, said: object) -> NamedKey:
    if not _NAME.fullmatch(name):
        raise ValueError(f"such that a key has a name of letters and digits, and not {shown(name)}")
    if not isinstance(said, Mapping) or not said.keys() <= {"key", "key_file", "moderation"}:
        raise ValueError(f"{_ALLOWED}; {shown(name)} is not")
    if (said.get("key") is None) == (said.get("key_file") is None):
        raise ValueError(f"such that {shown(name)} has a key, or a key_file")
    rules = _stated("moderation", name, lambda: _rules_of(said))
    return NamedKey(name=name, key=_stated("key", name, lambda: _key_of(said)), rules=rules)


def _rules_of(said: Mapping[str, object]) -> KeyRules:
    return KeyRules() if said.get("moderation") is None else key_rules(said["moderation"])


def _key_of(said: Mapping[str, object]) -> str:
    return key(said["key"]) if said.get("key") is not None else key_in(path(said["key_file"]), "keys")


def _stated(what: str, name: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except ValueError as error:
        raise ValueError(f"such that {what} of {shown(name)} is {error}") from error

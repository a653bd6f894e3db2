"""Keys with names: who has one is answered, under the rules and within the bounds that the owner has for that key."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from ..asking.checking import shown
from ..files.model_folders import path
from ..files.reading import read_text
from ..messages import in_english
from ..words.errors import ImagineError
from ..words.keys import PRIORITIES, SCOPES, USUAL, KeyLimits, Priority, Scope
from ..words.moderation import KeyRules
from .moderation import key_rules

T = TypeVar("T")
MOST_KEYS = 256
HASH = "sha256:"
"""How a key's hash begins."""
_KEY = re.compile(r"[!-~](?:[ -~]{0,998}[!-~])?")
_NAME = re.compile(r"[^\W_](?:[\w. -]{0,62}[^\W_])?")
_HASHED = re.compile(HASH + "[0-9a-fA-F]{64}")
_VARIABLE = re.compile(r"[A-Za-z_]\w{0,199}", re.ASCII)
_LONGEST_FILE = 2**16
_MOST = 10**9
_LEAST_WEIGHT, _MOST_WEIGHT = 0.01, 100.0
_WAYS = ("key", "key_file", "key_env", "key_hash")
"""In which a key is said, each by itself."""
_PARTS = (*_WAYS, "moderation", "scopes", "expires", "priority", "weight", "limits")
_ALLOWED = f"a mapping of names to mappings of key (or {', '.join(_WAYS[1:])}) and {', '.join(_PARTS[len(_WAYS) :])}"


class NamedKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key, what the owner calls whoever has it, and what that may do."""

    name: str
    digest: bytes
    """The SHA-256 of the key, which itself is nowhere."""
    rules: KeyRules = KeyRules()
    scopes: tuple[Scope, ...] = ("generate",)
    expires: float | None = None
    """In Unix seconds; None: never."""
    priority: Priority = USUAL
    """The highest that it may ask for; a lower one is what it has where it doesn't say."""
    weight: float = 1.0
    """How many times another key's share of the device it has, where both want more than there is."""
    limits: KeyLimits = KeyLimits()

    def may(self, scope: Scope) -> bool:
        """Is it for that?"""
        return scope in self.scopes or "admin" in self.scopes

    def __repr__(self) -> str:
        expires = [] if self.expires is None else [f"until {datetime.fromtimestamp(self.expires, UTC):%Y-%m-%dT%H:%MZ}"]
        scopes = [] if self.scopes == ("generate",) else [f"for {', '.join(self.scopes) or 'nothing'}"]
        priority = [] if self.priority == USUAL else [f"priority {self.priority}"]
        weight = [] if self.weight == 1 else [f"weight {self.weight:g}"]
        said = [str(self.rules), *scopes, *expires, *priority, *weight, str(self.limits)]
        told = "; ".join(filter(None, said))
        return f"{self.name} ({told})" if told else self.name

    __str__ = __repr__


def digest_of(key: str) -> bytes:
    """What a key is known by."""
    return hashlib.sha256(key.encode()).digest()


def is_name(text: str) -> bool:
    """Can a key be called so?"""
    return _NAME.fullmatch(text) is not None


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
            if one.digest == other.digest or one.name.casefold() == other.name.casefold():
                names = f"{shown(other.name)} and {shown(one.name)}"
                raise ValueError(f"such that each has a name and a key of its own, unlike {names}")
    return parsed


def _named(name: str, said: object) -> NamedKey:
    if not is_name(name):
        raise ValueError(f"such that a key has a name of letters and digits, and not {shown(name)}")
    if not isinstance(said, Mapping) or not said.keys() <= {*_PARTS}:
        raise ValueError(f"{_ALLOWED}; {shown(name)} is not")
    ways = [way for way in _WAYS if said.get(way) is not None]
    if len(ways) != 1:
        raise ValueError(f"such that {shown(name)} has a key, or a {', '.join(_WAYS[1:-1])} or {_WAYS[-1]}")
    digest = _stated("key", name, lambda: _DIGESTS[ways[0]](said[ways[0]]))
    given = [part for part in _READ if said.get(part) is not None]
    read = {_CALLED.get(part, part): _stated(part, name, lambda part=part: _READ[part](said[part])) for part in given}  # type: ignore[misc]
    return NamedKey(name=name, digest=digest, **read)


def _of_variable(value: object) -> bytes:
    if not isinstance(value, str) or not _VARIABLE.fullmatch(value) or not os.environ.get(value):
        raise ValueError("in an environment variable, by the name of one that is set")
    return digest_of(key(os.environ[value].strip()))


def _of_hash(value: object) -> bytes:
    if not isinstance(value, str) or not _HASHED.fullmatch(value):
        raise ValueError(f"its SHA-256 as {HASH} and 64 hexadecimal digits, as `imagine keys new` prints it")
    return bytes.fromhex(value.removeprefix(HASH))


def _scopes(value: object) -> tuple[Scope, ...]:
    given = value.split(",") if isinstance(value, str) else value if isinstance(value, list | tuple) else [value]
    named = {str(part).strip() for part in given}
    if not named <= {*SCOPES}:
        raise ValueError(f"among {', '.join(SCOPES)}")
    return tuple(scope for scope in SCOPES if scope in named)


def _expiry(value: object) -> float:
    """To the end of a day that YAML, or text, says; a time without a zone is UTC's."""
    try:
        said = _moment(value)
        moment = (said if said.tzinfo else said.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError("a date such as 2027-01-31, or a time such as 2027-01-31T12:00:00Z") from error
    return moment.replace(microsecond=0).timestamp()  # whole, so that the last day there is stays one


def _moment(value: object) -> datetime:
    if isinstance(value, str):
        text = value.strip()
        value = date.fromisoformat(text) if len(text) == len("2027-01-31") else datetime.fromisoformat(text)
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime.combine(value, time.max)
    raise ValueError(value)


def _priority(value: object) -> Priority:
    found = next((each for each in PRIORITIES if each == str(value).strip().lower()), None)
    if found is None:
        raise ValueError(f"one of {', '.join(PRIORITIES)}")
    return found


def _weight(value: object) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not _LEAST_WEIGHT <= float(str(value)) <= _MOST_WEIGHT:
        raise ValueError(f"a number from {_LEAST_WEIGHT:g} to {_MOST_WEIGHT:g}")
    return float(str(value))


def _limits(value: object) -> KeyLimits:
    known = KeyLimits.__struct_fields__
    if not isinstance(value, Mapping) or not value.keys() <= {*known}:
        raise ValueError(f"a mapping of {', '.join(known)} to whole numbers")
    for name, most in value.items():
        least = 1 if name == "at_once" else 0  # of which none is made, an order would wait for ever
        if most is not None and (not isinstance(most, int) or isinstance(most, bool) or not least <= most <= _MOST):
            raise ValueError(f"such that {name} is a whole number from {least} to {_MOST}")
    return KeyLimits(**value)


def _stated(what: str, name: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except ValueError as error:
        raise ValueError(f"such that {what} of {shown(name)} is {error}") from error


_DIGESTS: Mapping[str, Callable[[Any], bytes]] = {
    "key": lambda said: digest_of(key(said)),
    "key_file": lambda said: digest_of(key_in(path(said), "keys")),
    "key_env": _of_variable,
    "key_hash": _of_hash,
}
_READ: Mapping[str, Callable[[Any], Any]] = {
    "moderation": key_rules, "scopes": _scopes, "expires": _expiry, "priority": _priority, "weight": _weight,
    "limits": _limits,
}  # fmt: skip
_CALLED = {"moderation": "rules"}

"""Other servers that work for this one: where each is, and the key that it wants."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from ..asking.checking import shown
from ..files.model_folders import path
from ..words.peers import PeerSettings
from .keys import key, key_in
from .values import unfolded_json, yes_or_no
from .webhooks import target_from

_MOST = 64
_PARTS = ("url", "key", "key_file", "key_env", "ca_file", "without_tls")
_KEYS = ("key", "key_file", "key_env")
_ALLOWED = f"URLs such as https://gpu-box:5000, or mappings of {', '.join(_PARTS)}"
_VARIABLE = re.compile(r"[A-Za-z_]\w{0,199}", re.ASCII)


def peers(value: object) -> tuple[PeerSettings, ...]:
    """A URL or several, each by itself or in a mapping that says more. Raises ValueError, which never holds a key;
    ImagineError for a file that can't be read."""
    value = unfolded_json(value, _ALLOWED)
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    listed = list(value) if isinstance(value, list | tuple) else [value]
    if len(listed) > _MOST:
        raise ValueError(f"{_ALLOWED}, {_MOST} at most")
    read = tuple(_peer(each) for each in listed)
    if len({each.url for each in read}) < len(read):
        raise ValueError("such that each server is named once")
    return read


def _peer(value: object) -> PeerSettings:
    if not isinstance(value, Mapping):
        return PeerSettings(url=_url(value))
    if not value.keys() <= {*_PARTS}:
        unknown = next(name for name in value if name not in _PARTS)
        raise ValueError(f"{_ALLOWED}, without {shown(unknown)}")
    url = _url(value.get("url"))
    given = [name for name in _KEYS if value.get(name) is not None]
    if len(given) > 1:
        raise ValueError(f"such that {url} has one of {', '.join(_KEYS[:-1])} and {_KEYS[-1]}")
    said: dict[str, Any] = {"key": _read_key(given[0], value[given[0]])} if given else {}
    if value.get("ca_file") is not None:
        said["ca_file"] = path(value["ca_file"])
    if value.get("without_tls") is not None:
        said["without_tls"] = yes_or_no(value["without_tls"])
    return PeerSettings(url=url, **said)


def _url(value: object) -> str:
    try:
        if not isinstance(value, str):
            raise ValueError("a URL")  # noqa: TRY301, TRY004 - said in one place
        target = target_from(value.strip())
    except ValueError as error:
        what = "one that says a name or a key" if "@" in str(value) else shown(value)
        raise ValueError(f"such that each url is {error}, and not {what}") from error
    if target.path != "/":
        raise ValueError(f"such that each url is a server's alone, and not {shown(value)}")
    return target.origin


def _read_key(way: str, value: object) -> str:
    try:
        if way == "key_file":
            return key_in(path(value), "workers")
        if way == "key_env":
            return key(_variable(value))
        return key(value)
    except ValueError as error:
        raise ValueError(f"such that each {way} is {error}") from error


def _variable(value: object) -> str:
    if not isinstance(value, str) or not _VARIABLE.fullmatch(value) or not os.environ.get(value):
        raise ValueError("the name of an environment variable that is set")
    return os.environ[value].strip()

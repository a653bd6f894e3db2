"""Webhooks: which addresses orders may have told of their end, and what the messages are signed with."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import msgspec

from ..asking.checking import shown
from ..files.model_folders import path as path_from
from ..files.reading import read_text

MOST_URL = 2000
_ALLOWED = "a mapping of allowed (prefixes of URLs) and secret (or secret_file)"
_MOST_PREFIXES = 256
_SECRET = "whsec_"  # noqa: S105 - what each begins with
_LEAST, _MOST = 24, 64
"""Bytes of a secret, as Standard Webhooks has it."""
_LONGEST_FILE = 2**16
_PORTS = {"http": 80, "https": 443}
_VISIBLE = re.compile(r"[!\"$-\[\]-~]+")
"""What a URL is written in; no fragment, no backslash."""
_PLACE = re.compile(r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9_-][a-z0-9._-]{0,252})(?::[0-9]{1,5})?")


class CallTarget(NamedTuple):
    """Where a message goes; `host` as it is written in a URL, but the one way that an address has."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def origin(self) -> str:
        """Which server that is on."""
        return f"{self.scheme}://{self.host}:{self.port}"

    @property
    def is_local(self) -> bool:
        """Is it of this machine alone, by its name or address?"""
        address = _address(self.host)
        return self.host == "localhost" or (address is not None and address.is_loopback)

    def is_below(self, prefix: CallTarget) -> bool:
        """Is it at that address, or below that path there?"""
        below = prefix.path if prefix.path.endswith("/") else prefix.path + "/"
        return self[:3] == prefix[:3] and (self.path == prefix.path or self.path.startswith(below))


class WebhookSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What an owner says of them."""

    allowed: tuple[CallTarget, ...]
    secrets: tuple[bytes, ...]
    """The first is the newest; each message is signed by all."""

    def __str__(self) -> str:
        return f"to {len(self.allowed)} prefixes"

    __repr__ = __str__

    def allows(self, target: CallTarget) -> bool:
        """May messages go there?"""
        return any(target.is_below(prefix) for prefix in self.allowed)


def target_from(url: str) -> CallTarget:
    """Where a URL leads. Raises ValueError for what isn't plainly one, whoever reads it."""
    if len(url) > MOST_URL or not _VISIBLE.fullmatch(url):
        raise ValueError("a URL of visible ASCII characters")
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not _PLACE.fullmatch(parts.netloc.lower()):
        raise ValueError("a URL of http or https, of a host and nobody's name")
    port = _PORTS[parts.scheme] if parts.port is None else parts.port
    if any(_leads_away(segment) for segment in parts.path.split("/")):
        raise ValueError("a URL without . and .. in its path")
    host = (parts.hostname or "").lower()
    if "[" in parts.netloc and _address(f"[{host}]") is None:
        raise ValueError("a URL whose host is one")
    address = _address(host if ":" not in host else f"[{host}]")
    named = host if address is None else f"[{address}]" if address.version == 6 else str(address)
    return CallTarget(parts.scheme, named, port, parts.path or "/")


def webhooks(value: object) -> WebhookSettings | None:
    """Raises ValueError, which never holds a secret; ImagineError for a file that can't be read."""
    if value is None:
        return None
    if not isinstance(value, Mapping) or not value.keys() <= {"allowed", "secret", "secret_file"}:
        raise ValueError(_ALLOWED)
    allowed = _several(value.get("allowed"))
    if not allowed:
        return None
    if len(allowed) > _MOST_PREFIXES:
        raise ValueError(f"{_ALLOWED}, {_MOST_PREFIXES} prefixes at most")
    if (value.get("secret") is None) == (value.get("secret_file") is None):
        raise ValueError(f"{_ALLOWED}, with one of secret and secret_file")
    said = value["secret"] if value.get("secret") is not None else _in_file(path_from(value["secret_file"]))
    secrets = tuple(_secret(each) for each in _several(said))
    if not 1 <= len(secrets) <= 4:
        raise ValueError("such that there are one to four secrets, the newest first")
    return WebhookSettings(allowed=tuple(_prefix(each) for each in allowed), secrets=secrets)


def _several(value: object) -> list[object]:
    return list(value) if isinstance(value, list | tuple) else [] if value is None else [value]


def _prefix(value: object) -> CallTarget:
    try:
        if not isinstance(value, str) or "?" in value:
            raise ValueError("a URL without a query")  # noqa: TRY301 - said in one place
        return target_from(value.strip())
    except ValueError as error:
        raise ValueError(f"such that each of allowed is {error}, and not {shown(value)}") from error


def _in_file(file: Path) -> object:
    return read_text(file, _LONGEST_FILE, field="webhooks").split()


def _secret(value: object) -> bytes:
    text = value.strip() if isinstance(value, str) else ""
    try:
        secret = base64.b64decode(text.removeprefix(_SECRET), validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if not text.startswith(_SECRET) or not _LEAST <= len(secret) <= _MOST:
        raise ValueError(f"such that secret is {_SECRET} and the base64 of {_LEAST} to {_MOST} random bytes")
    return secret


def _leads_away(segment: str) -> bool:
    """Could somebody take it for . or .., or for more than one?"""
    while (plain := unquote(segment)) != segment:
        segment = plain
    return segment.partition(";")[0] in (".", "..") or any(sign in segment for sign in "/\\")


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None

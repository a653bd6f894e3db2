"""The key that a request carries, among those that there are, in each of the ways in which clients send one.

Keys are known by their SHA-256, and that of what was sent is held against them: in a time that says nothing of any, nor
of its length.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
from base64 import b64decode
from collections.abc import Collection, Iterator, Mapping

KEY_HEADERS = ("authorization", "api-key", "x-api-key")
"""`Authorization` holds `Bearer KEY`, or Basic with the key as its password; others are Azure's and such."""


def carried(headers: Mapping[str, str], keys: Collection[bytes]) -> bytes | None:
    """Which of the keys, by their digests, is among the headers."""
    return carried_explicitly(headers, keys) or _one_of(_password(headers), keys)


def carried_explicitly(headers: Mapping[str, str], keys: Collection[bytes]) -> bytes | None:
    """Which is there in a way that a browser never adds by itself, as it does Basic for whichever page asks."""
    return next(filter(None, (_one_of(credential, keys) for credential in _explicit(headers))), None)


def _explicit(headers: Mapping[str, str]) -> Iterator[bytes]:
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        yield _bytes(token)
    for name in ("api-key", "x-api-key"):
        yield _bytes(headers.get(name, ""))


def _password(headers: Mapping[str, str]) -> bytes:
    scheme, _, token = headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return b""
    try:
        return b64decode(_bytes(token), validate=True).partition(b":")[2]
    except binascii.Error:
        return b""


def _one_of(credential: bytes, keys: Collection[bytes]) -> bytes | None:
    """The key that it is: compared with all."""
    digest = hashlib.sha256(credential).digest()
    return next(iter([key for key in keys if hmac.compare_digest(digest, key)]), None)


def _bytes(text: str) -> bytes:
    return text.strip().encode("utf-8", "surrogateescape")

"""The key that a request carries, in each of the ways in which clients send one."""

from __future__ import annotations

import binascii
import hmac
from base64 import b64decode
from collections.abc import Iterator, Mapping

KEY_HEADERS = ("authorization", "api-key", "x-api-key")
"""`Authorization` holds `Bearer KEY`, or Basic with the key as its password; others are Azure's and such."""


def carries(headers: Mapping[str, str], key: bytes) -> bool:
    """Is the right key among the headers?"""
    return is_explicit(headers, key) or _is(_password(headers), key)


def is_explicit(headers: Mapping[str, str], key: bytes) -> bool:
    """Is it there in a way that a browser never adds by itself, as it does Basic for whichever page asks?"""
    return any(_is(credential, key) for credential in _explicit(headers))


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


def _is(credential: bytes, key: bytes) -> bool:
    return hmac.compare_digest(credential, key)


def _bytes(text: str) -> bytes:
    return text.strip().encode("utf-8", "surrogateescape")

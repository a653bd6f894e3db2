"""The pictures that a recipe was made from: it names them by their digests, and a saved JSON holds them themselves."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

DigestOf = Callable[[bytes], str]
_TOP = ("img", "mask")
_INNER = {"control": ("image",), "references": ("img", "mask")}
"""What of a recipe's lists is a picture."""


def pictures_in(body: Mapping[str, Any]) -> Iterator[str]:
    """Every picture of a request or a recipe, as it stands there."""
    yield from (value for name in _TOP if isinstance(value := body.get(name), str))
    for _, part, key in _inner(body):
        yield part[key]


def sha256(data: bytes) -> str:
    """What a file is known by as it is."""
    return hashlib.sha256(data).hexdigest()


def with_pictures(
    meta: Mapping[str, Any], pictures: Iterable[str], placed: Iterable[str] = (), *, digest_of: DigestOf = sha256
) -> dict[str, Any]:
    """The recipe with these pictures, in base64, in place of their digests; others stay. Those of `pictures` whose
    digest it doesn't have go in their order to controls of which it says no picture at all, as another program's text
    doesn't; those that are `placed` don't. `digest_of` is what a recipe knows a picture's file by."""
    given = {digest: text for text in pictures if (digest := _digest(text, digest_of))}
    known = {digest: text for text in placed if (digest := _digest(text, digest_of))} | given
    named = {*(meta.get(name) for name in _TOP), *(value for _, value in places_of(meta))}
    spare = [text for digest, text in given.items() if digest not in named]
    filled = {name: known.get(value, value) if name in _TOP and isinstance(value, str) else value
              for name, value in meta.items()}  # fmt: skip
    for name, keys in _INNER.items():
        if isinstance(parts := meta.get(name), list | tuple):
            filled[name] = [_filled(part, keys, known) for part in parts]
    for part in unshown(filled)[: len(spare)]:
        part["image"] = spare.pop(0)
    return filled


def unshown(meta: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The controls of a recipe of which it says no picture."""
    parts = meta.get("control")
    listed = parts if isinstance(parts, list | tuple) else ()
    return [part for part in listed if isinstance(part, dict) and part.get("image") is None]


def places_of(meta: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Where in a recipe's lists pictures stand (`control.0.image`), and what does."""
    for path, part, key in _inner(meta):
        yield f"{path}.{key}", part[key]


def _inner(body: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any], str]]:
    for name, keys in _INNER.items():
        parts = body.get(name)
        for place, part in enumerate(parts if isinstance(parts, list | tuple) else ()):
            if isinstance(part, Mapping):
                yield from ((f"{name}.{place}", part, key) for key in keys if isinstance(part.get(key), str))


def _filled(part: object, keys: tuple[str, ...], known: Mapping[str, str]) -> object:
    if not isinstance(part, Mapping):
        return part
    return {**part, **{key: known[part[key]] for key in keys if part.get(key) in known}}


def _digest(text: str, digest_of: DigestOf) -> str:
    """That of a picture in base64; "" for what is none."""
    try:
        return digest_of(base64.b64decode(text.rpartition(",")[2], validate=True))
    except (binascii.Error, ValueError):
        return ""

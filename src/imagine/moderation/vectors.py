"""Vectors of what prompts are compared with, kept from one start to the next: an encoder takes seconds to make them."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import msgspec

from ..files.folders import make_own
from ..files.reading import read_file
from ..files.writing import write_atomically
from ..identity.stamp import FileStamp
from ..words.errors import ImagineError

_log = logging.getLogger(__name__)
_MOST = 2**26
_MODE = 0o600


class _KeptVectors(msgspec.Struct):
    encoder: str
    vectors: dict[str, bytes]
    """By the SHA-256 of a text."""


class KnownVectors:
    """Of one encoder, in a file at `path`, which may be lost at any time."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self, encoder: str, texts: tuple[str, ...]) -> dict[str, bytes]:
        """Those of these texts that this encoder made. For a thread."""
        try:
            kept = msgspec.msgpack.decode(read_file(self._path, _MOST), type=_KeptVectors)
        except (ImagineError, msgspec.DecodeError):  # the first start, or a file from elsewhere
            return {}
        found = {text: kept.vectors.get(_key(text)) for text in texts} if kept.encoder == encoder else {}
        return {text: vector for text, vector in found.items() if vector is not None}

    def save(self, encoder: str, vectors: dict[str, bytes]) -> None:
        """Those that this encoder made, in place of what was kept. For a thread."""
        kept = _KeptVectors(encoder, {_key(text): vector for text, vector in vectors.items()})
        try:
            make_own(self._path.parent)
            write_atomically(self._path, msgspec.msgpack.encode(kept), mode=_MODE)
        except OSError as error:
            _log.warning("what prompts are compared with can't be kept: %s", error.strerror)


def encoder_key(files: tuple[FileStamp, ...], digest: str) -> str:
    """What tells an encoder from another: its files as they lie there, and what its process calls it."""
    stamps = ((each.inode, each.size, each.modified) for each in files)
    return hashlib.sha256(repr((*stamps, digest)).encode()).hexdigest()


def _key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()

"""The SHA-256 of a whole model file: minutes of reading for a large one, so it can be stopped between two chunks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from imagine.registry.scan import FILE_STAMP, Stamp, stamp_of

CHUNK_BYTES = 4 * 2**20


def digest_file(path: Path, stamp: Stamp, stopped: Callable[[], bool]) -> str | None:
    """The digest of the file at `path`, in hexadecimal.

    None where it was stopped, can't be read, or isn't what had this `stamp`, before or after the reading.
    """
    sha256 = hashlib.sha256()
    try:
        own = stamp[:FILE_STAMP]  # the rest is the sidecar's
        if stamp_of(path) != own:
            return None
        with path.open("rb", buffering=0) as file:
            while chunk := file.read(CHUNK_BYTES):
                if stopped():
                    return None
                sha256.update(chunk)
        return sha256.hexdigest() if stamp_of(path) == own else None
    except OSError:
        return None  # it vanished, or its medium did; the next refresh says so

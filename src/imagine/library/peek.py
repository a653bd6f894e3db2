"""What a file is before it is fetched: its first bytes are read as the registry reads files that lie here."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ..messages import message
from ..registry.describe import describe
from ..registry.header import MAX_HEADER_BYTES
from ..registry.scan import GGUF, SUFFIXES, scan_one
from ..words.entry import Entry
from .asking_sites import BEGINNING, Beginning, beginning_of
from .connection import SiteConnection
from .download import finished
from .offer import RemoteFile
from .trouble import DownloadFailed

_LENGTH = 8
_GGUF_HEADER = 32 * 2**20
"""Bytes that hold the header of a GGUF, vocabularies of text encoders included."""


async def peeked(connection: SiteConnection, file: RemoteFile, called: str) -> tuple[Beginning, Entry | None]:
    """How it begins, and what it is; None for a kind of file that isn't looked into.

    `called` is what it is going to be called, and the folder that it goes to. Raises DownloadFailed for what can't be
    a file of weights.
    """
    begun = await beginning_of(connection, file)
    suffix = Path(file.last).suffix.lower()
    if suffix in SUFFIXES:
        needed = _LENGTH + int.from_bytes(begun.data[:_LENGTH], "little")
        if BEGINNING < needed <= min(MAX_HEADER_BYTES, begun.size):
            begun = await beginning_of(connection, file, needed)
    elif suffix == GGUF:
        begun = await beginning_of(connection, file, _GGUF_HEADER)
    else:
        return begun, None
    entry = await finished(lambda: _entry(begun, called))
    if suffix in SUFFIXES and entry is not None and not entry.header_digest:
        why = entry.problem or message("unfit.header_object")
        raise DownloadFailed(message("pull.damaged", name=file.last, why=why))
    return begun, entry


def _entry(begun: Beginning, called: str) -> Entry | None:
    """What the registry says of a file of that size which begins so; the rest of it is a hole that nobody reads."""
    with tempfile.TemporaryDirectory(prefix="imagine-") as folder:
        path = Path(folder) / called
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.write(begun.data)
            file.truncate(begun.size)
        scanned = scan_one(path)
        return None if scanned is None else describe(scanned)

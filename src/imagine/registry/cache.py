"""What was told of files before, kept on disk so that an unchanged folder is listed without opening anything."""

from __future__ import annotations

from pathlib import Path

import msgspec

from .. import __version__
from ..files.folders import make_own
from ..files.reading import read_file
from ..files.writing import write_atomically
from ..words.entry import Entry
from ..words.errors import ImagineError
from .scan import Stamp

FORMAT = 12
MAX_RECORDS = 10_000
MAX_BYTES = 2**27


class Record(msgspec.Struct, frozen=True):
    """An entry, true for the file at its path for as long as that has this `stamp`."""

    stamp: Stamp
    entry: Entry


class _CacheFile(msgspec.Struct):
    format: int
    version: str
    records: list[Record]


def load_records(path: Path) -> dict[str, Record]:
    """The records kept at `path`, by their entries' path; none if it isn't there, is damaged or of another version."""
    try:
        contents = msgspec.msgpack.decode(read_file(path, MAX_BYTES), type=_CacheFile)
    except (ImagineError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}  # a cache that can't be read only costs the time to fill it again
    if (contents.format, contents.version) != (FORMAT, __version__):
        return {}
    return {record.entry.path: record for record in contents.records}


def save_records(path: Path, records: dict[str, Record]) -> bool:
    """Replace the file at `path`, whole or not at all; False where the system doesn't let us."""
    data = msgspec.msgpack.encode(_CacheFile(FORMAT, __version__, list(records.values())))
    try:
        make_own(path.parent)
        write_atomically(path, data, mode=0o600)
    except OSError:
        return False  # a cache that can't be kept only costs the time to fill it again
    return True

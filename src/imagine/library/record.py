"""What is noted beside a file that was pulled: where it is from, at which revision, its digest and its terms."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec

from ..files.reading import read_file
from ..files.writing import write_atomically
from ..words.errors import ImagineError
from .partial import beside

SUFFIX = ".imagine.json"
_MOST = 2**24


class PullRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """Of one file, or of a folder's."""

    source: str
    """As a user would name it."""
    url: str = ""
    revision: str = ""
    sha256: str = ""
    size: int = 0
    licence: str = ""
    page: str = ""
    pulled: str = ""
    """When, in UTC."""
    files: dict[str, str] = {}
    """Of a folder: the SHA-256 of each of its files."""


def record_of(path: Path) -> PullRecord | None:
    """What is noted of the file or folder at `path`; None for nothing."""
    try:
        return msgspec.json.decode(read_file(beside(path, SUFFIX), _MOST), type=PullRecord)
    except (ImagineError, msgspec.DecodeError):
        return None


def note_record(path: Path, record: PullRecord) -> None:
    """Notes it beside the file or folder. Raises OSError."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    noted = msgspec.structs.replace(record, pulled=record.pulled or now)
    write_atomically(beside(path, SUFFIX), msgspec.json.format(msgspec.json.encode(noted)) + b"\n")

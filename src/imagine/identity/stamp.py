"""Which file lies at a path, told without opening it: for as long as its stamp stays, what was read of it holds."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

_UNSIGNED = 2**64 - 1


class FileStamp(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A file as it was: `size` in bytes, `modified` in nanoseconds since 1970.

    Device and inode tell apart what was swapped by renaming, size and time what was written in place.
    """

    path: str
    device: int
    inode: int
    size: int
    modified: int

    def fits(self, status: os.stat_result) -> bool:
        """Is a file of this status the same, unchanged?"""
        return self == stamp_from(self.path, status)


def stamp_from(path: str | Path, status: os.stat_result) -> FileStamp:
    """The stamp of the file at `path`, which has this status."""
    # Some systems' numbers of files are of 128 bits, and a frame's integers of 64.
    return FileStamp(
        str(path), status.st_dev & _UNSIGNED, status.st_ino & _UNSIGNED, status.st_size, status.st_mtime_ns
    )  # fmt: skip


def stamp_of(path: str | Path) -> FileStamp:
    """The stamp of what lies at `path` now, or where a link there leads. Raises OSError."""
    return stamp_from(path, os.stat(path))  # noqa: PTH116 - asked at every request, and a third of the time


def unchanged(files: Iterable[FileStamp]) -> bool:
    """Do these files all lie there as they were?"""
    try:
        return all(stamp == stamp_of(stamp.path) for stamp in files)
    except OSError:
        return False

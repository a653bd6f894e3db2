"""Reading a file that somebody names: a regular one of bounded size, or a sentence that says why not.

A name may lead to a device that never ends, to a FIFO that nobody writes to, or to gigabytes: none of them is waited
for, nor read.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..messages import Message, message
from ..words.errors import ImagineError

_PIECE = 2**20


class NotRegular(OSError):
    """What lies there is no file that has an end: `kind` is its type, as in `stat`."""

    def __init__(self, mode: int) -> None:
        super().__init__(errno.EINVAL, "it is not a regular file")
        self.kind = stat.S_IFMT(mode)


@contextmanager
def regular_file(path: Path, within: Path | None = None) -> Iterator[tuple[int, int]]:
    """The file at `path`, or where a link there leads, opened for reading: its descriptor, and its size in bytes.

    With `within`, a folder above it, no link is followed on the way from there. Raises OSError, NotRegular among them.
    Waits for nobody.
    """
    _check(path.stat())
    # Something else may lie there by now: not to wait for a FIFO's writer is decided at the opening.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    file = os.open(path, flags) if within is None else _opened_within(within, path, flags)
    try:
        status = os.fstat(file)
        _check(status)
        yield file, status.st_size
    finally:
        os.close(file)


def read_file(path: Path, most: int, *, field: str | None = None, within: Path | None = None) -> bytes:
    """The whole of the regular file at `path`, if that is at most `most` bytes; `within` as for `regular_file`.

    Raises ImagineError on `field` for anything else.
    """
    try:
        with regular_file(path, within) as (file, size):
            if size <= most and len(data := _read(file, most + 1)) <= most:
                return data
    except NotRegular as error:
        raise ImagineError(_irregular(error.kind, path, field)) from error
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise ImagineError(message("file.unreadable", field, path=str(path), why=why)) from error
    raise ImagineError(message("file.too_large", field, path=str(path), most=_shown(most)))


def read_text(path: Path, most: int, *, field: str | None = None) -> str:
    """As `read_file`, of a text in UTF-8, whose byte order mark is left out."""
    try:
        return read_file(path, most, field=field).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ImagineError(message("file.not_text", field, path=str(path))) from error


def _opened_within(folder: Path, path: Path, flags: int) -> int:
    """A link may be laid on the way between a look at it and the opening, so each step is taken from the one before."""
    if os.open not in os.supports_dir_fd:  # Windows, where only who is trusted may lay links
        return os.open(path, flags)
    *between, name = path.relative_to(folder).parts
    at = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in between:
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
            os.close(at)
            at = inner
        return os.open(name, flags | os.O_NOFOLLOW, dir_fd=at)
    finally:
        os.close(at)


def _irregular(kind: int, path: Path, field: str | None) -> Message:
    match kind:
        case stat.S_IFDIR:
            return message("file.folder", field, path=str(path))
        case stat.S_IFIFO:
            return message("file.pipe", field, path=str(path))
        case stat.S_IFSOCK:
            return message("file.socket", field, path=str(path))
    return message("file.device", field, path=str(path))


def _check(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise NotRegular(status.st_mode)


def _read(file: int, most: int) -> bytes:
    """What there is, up to `most` bytes: files of the kernel's own have no size and may not end."""
    data = bytearray()
    while len(data) < most and (piece := os.read(file, min(_PIECE, most - len(data)))):
        data += piece
    return bytes(data)


def _shown(size: int) -> str:
    return f"{size // 2**20} MiB" if size >= 2**20 else f"{size} B"

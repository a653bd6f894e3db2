"""Opening what lies in a stranger's folder: never waiting for a FIFO, never reading more than is sensible."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..files import reading
from ..messages import message
from ..words.errors import UnusableModel


@contextmanager
def regular_file(path: Path) -> Iterator[tuple[int, int]]:
    """The file at `path`, or where a link there leads, opened for reading: its descriptor, and its size in bytes.

    Raises UnusableModel where it is no regular file, or where the system refuses it, then or while it is read.
    """
    try:
        with reading.regular_file(path) as opened:
            yield opened
    except reading.NotRegular as error:
        raise UnusableModel(message("unfit.irregular")) from error
    except OSError as error:
        raise UnusableModel(message("unfit.unread", why=reason(error))) from error


def read_exactly(file: int, length: int) -> bytes:
    """The next `length` bytes, which are there unless the file became shorter: then UnusableModel."""
    parts = []
    while length > 0 and (part := os.read(file, length)):
        parts.append(part)
        length -= len(part)
    if length > 0:
        raise UnusableModel(message("unfit.shortened"))
    return parts[0] if len(parts) == 1 else b"".join(parts)


def read_small(path: Path, limit: int) -> bytes:
    """The whole file at `path`. Raises UnusableModel, above `limit` bytes too."""
    with regular_file(path) as (file, size):
        if size > limit:
            raise UnusableModel(message("unfit.too_large", most=limit))
        return read_exactly(file, size)


def reason(error: OSError) -> str:
    """What the system says, without the path."""
    return (error.strerror or str(error)).lower()

"""A file that is on its way: its bytes beside the name that it will have, and a note of which of them are there.

`NAME.partial` and `NAME.partial.json`. Whoever fills it holds a lock on it, so two who want the same file share one
download; a process that is killed lets go, and what it noted is where the next one goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from itertools import pairwise
from pathlib import Path

import msgspec

from ..files.reading import read_file
from ..files.writing import name_anew, write_atomically
from ..words.errors import ImagineError

SUFFIX = ".partial"
_NOTES = ".partial.json"
_MOST = 2**20
_SHORT = 40
_LOOK = 0.2
"""Seconds between looks at a download that another process is at."""


class Stretch(msgspec.Struct, array_like=True):
    """A stretch of the file, of which the first `done` bytes are there."""

    start: int
    length: int
    done: int = 0

    @property
    def left(self) -> int:
        """Bytes that are still to come."""
        return self.length - self.done


class _Notes(msgspec.Struct):
    of: str
    size: int
    stretches: list[Stretch]


class Partial:
    """One that is held. `of` tells which content it is meant to be: notes on another are worth nothing."""

    def __init__(self, target: Path, descriptor: int) -> None:
        self.path = beside(target, SUFFIX)
        self.descriptor = descriptor
        self._notes_path = beside(target, _NOTES)
        self._notes = _Notes("", 0, [])

    @property
    def stretches(self) -> list[Stretch]:
        """What it is filled by."""
        return self._notes.stretches

    @property
    def done(self) -> int:
        """Bytes that are there."""
        return sum(piece.done for piece in self.stretches)

    def open(self, of: str, size: int, stretches: int) -> None:
        """Goes on with what is there of this content, or begins it, in so many stretches of about the same length."""
        kept = _notes_at(self._notes_path)
        if kept is not None and (kept.of, kept.size) == (of, size) and os.fstat(self.descriptor).st_size == size:
            self._notes = kept
            return
        self.begin(of, size, stretches)

    def begin(self, of: str, size: int, stretches: int) -> None:
        """Forgets what is there."""
        bounds = [size * number // stretches for number in range(stretches + 1)]
        fresh = [Stretch(start, end - start) for start, end in pairwise(bounds)]
        self._notes = _Notes(of, size, fresh)
        os.ftruncate(self.descriptor, 0)
        os.ftruncate(self.descriptor, size)
        self.save()

    def fill(self, piece: Stretch, data: bytes) -> None:
        """Puts the next bytes of a piece in their place. Raises OSError. For a thread."""
        view = memoryview(data)
        while view:
            written = os.pwrite(self.descriptor, view, piece.start + piece.done)
            view = view[written:]
            piece.done += written

    def save(self) -> None:
        """Notes which bytes are there. For a thread.

        Notes and bytes reach the disk when the system likes: where the power fails, the digest tells what isn't there.
        """
        write_atomically(self._notes_path, msgspec.json.encode(self._notes), durable=False)

    def flush(self) -> None:
        """Has the disk keep what is there. Raises OSError. For a thread."""
        os.fsync(self.descriptor)

    def forget(self) -> None:
        """What is there counts for nothing any more."""
        self._notes = _Notes("", 0, [])
        self._notes_path.unlink(missing_ok=True)

    def drop(self) -> None:
        """Nothing of it stays."""
        self.path.unlink(missing_ok=True)
        self.forget()

    def place(self, target: Path) -> None:
        """Gives it its name, once its bytes are on the disk. Raises FileExistsError where another has that by now."""
        os.fsync(self.descriptor)
        name_anew(self.path, target)
        self._notes_path.unlink(missing_ok=True)


def beside(target: Path, suffix: str) -> Path:
    """What is called as the file is, and so much more."""
    return target.with_name(target.name + suffix)


def aside(target: Path) -> Path:
    """A hidden name beside it that nobody else takes, for a copy that is on its way there."""
    return target.with_name(f".{target.name[:_SHORT]}.{os.urandom(8).hex()}{SUFFIX}")


def done_of(target: Path) -> tuple[int, int]:
    """How many bytes of how many there are of a file that somebody fills."""
    notes = _notes_at(beside(target, _NOTES))
    return (0, 0) if notes is None else (sum(piece.done for piece in notes.stretches), notes.size)


@contextlib.asynccontextmanager
async def held(target: Path, waiting: Callable[[], None]) -> AsyncIterator[Partial | None]:
    """The file that becomes `target`, for oneself alone; None where another has brought it there meanwhile.

    `waiting` is called now and then for as long as another is at it. Raises OSError.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    while True:
        descriptor = os.open(beside(target, SUFFIX), os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        try:
            if not lock(descriptor):
                waiting()
                await asyncio.sleep(_LOOK)
                continue
            if not _still_lies(descriptor, beside(target, SUFFIX)):
                continue  # it was given its name, or dropped, as we waited
            if target.exists():
                beside(target, SUFFIX).unlink()
                yield None
            else:
                yield Partial(target, descriptor)
            return
        finally:
            os.close(descriptor)


def lock(descriptor: int) -> bool:
    """Is it ours alone from now on? Where the system has no such locks, nobody is kept out."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _still_lies(descriptor: int, path: Path) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    own = os.fstat(descriptor)
    return (own.st_dev, own.st_ino) == (there.st_dev, there.st_ino)


def _notes_at(path: Path) -> _Notes | None:
    """Notes that can be read and make sense; others are as good as none."""
    try:
        notes = msgspec.json.decode(read_file(path, _MOST), type=_Notes)
    except (ImagineError, msgspec.DecodeError):
        return None
    at = 0
    for piece in notes.stretches:
        if piece.start != at or not 0 <= piece.done <= piece.length:
            return None
        at += piece.length
    return notes if at == notes.size else None

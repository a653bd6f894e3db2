"""Unpacking an archive by several threads: files under other names, then renamed, so that each is absent or whole."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import threading
from bisect import bisect_right
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import zstandard

from ..files.shipped import UNPACKED
from ..messages import in_english
from ..words.errors import ImagineError
from .index import Archive, Block, BundledFile, is_right

MOST_THREADS = 8
"""More would wait for memory, and each holds a block."""
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


class Source(NamedTuple):
    """Where an archive's blocks lie: an open file, from where on in it, and what to call it."""

    descriptor: int
    begin: int
    name: str


def unpack(archive: Archive, source: Source, folder: Path, progress: Callable[[int, int], None]) -> None:
    """Writes what of `archive` is not right in `folder`.

    `progress` is called with bytes done and bytes in all. Raises ImagineError for damaged bytes, and OSError;
    what this call had written is then removed, so that a full disk isn't left full.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    for entry in archive.entries:
        if entry.kind in "dl" and not is_right(entry, str(folder)):
            _make(entry, folder)
    wanted = _wanted(archive, source, str(folder))
    done, size = 0, sum(task.block.size for task in wanted)
    progress(done, size)
    with ThreadPoolExecutor(min(MOST_THREADS, _processors())) as pool:
        pending = [pool.submit(task.do) for task in wanted]
        try:
            for future in as_completed(pending):
                done += future.result()
                progress(done, size)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            for task in wanted:
                task.undo()
            raise


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _make(entry: BundledFile, folder: Path) -> None:
    """A folder or a link, in place of whatever is there."""
    path = folder / entry.path
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.is_dir():
        shutil.rmtree(path)
    if entry.kind == "d":
        path.mkdir(mode=0o700)
    else:
        path.symlink_to(entry.target)


class _File:
    """A file that is being written, a large one by several threads at once."""

    def __init__(self, entry: BundledFile, folder: str) -> None:
        self.path = f"{folder}/{entry.path}"
        self._part = f"{self.path}.part"
        self._mode = 0o755 if entry.kind == "x" else 0o644
        self._left = entry.size
        self._descriptor: int | None = None
        self._lock = threading.Lock()

    def write(self, data: memoryview, at: int) -> None:
        """Puts bytes into their place; the last ones make it whole."""
        with self._lock:
            if self._descriptor is None:
                self._descriptor = self._open()
        size = len(data)
        while data:
            written = os.pwrite(self._descriptor, data, at)
            data, at = data[written:], at + written
        with self._lock:
            self._left -= size
            if self._left == 0:
                self._finish()

    def _open(self) -> int:
        try:
            return os.open(self._part, _NEW, self._mode)
        except FileExistsError:  # of a start that was killed
            Path(self._part).unlink()
            return os.open(self._part, _NEW, self._mode)

    def _finish(self) -> None:
        self._close()
        os.utime(self._part, (UNPACKED, UNPACKED))
        try:
            os.replace(self._part, self.path)  # noqa: PTH105 - thousands of files
        except IsADirectoryError:
            shutil.rmtree(self.path)
            Path(self._part).replace(self.path)

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = -1

    def undo(self) -> None:
        """Leaves nothing of it, if it was begun."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                self._close()
            for name in (self.path, self._part):
                Path(name).unlink(missing_ok=True)


class _Extent(NamedTuple):
    """Bytes of a block that belong to a file, and where in that they do."""

    file: _File
    begin: int
    end: int
    at: int


class _Task(NamedTuple):
    """A block, where it is stored, and what of it has to be written."""

    block: Block
    begin: int
    source: Source
    extents: list[_Extent]

    def do(self) -> int:
        """Writes it; how many bytes it has."""
        stored = os.pread(self.source.descriptor, self.block.stored, self.begin)
        if hashlib.sha256(stored).hexdigest() != self.block.sha256:
            raise ImagineError(in_english(f"{self.source.name} is damaged: download it again"))
        content = memoryview(zstandard.ZstdDecompressor().decompress(stored))
        for extent in self.extents:
            extent.file.write(content[extent.begin : extent.end], extent.at)
        return self.block.size

    def undo(self) -> None:
        for extent in self.extents:
            extent.file.undo()


def _wanted(archive: Archive, source: Source, folder: str) -> list[_Task]:
    """The blocks with something that isn't right yet."""
    begins = accumulate((block.stored for block in archive.blocks), initial=source.begin)
    every = [_Task(block, begin, source, []) for block, begin in zip(archive.blocks, begins, strict=False)]
    ends = list(accumulate(block.size for block in archive.blocks))
    begin = 0
    for entry in archive.entries:
        if entry.kind in "fx" and not is_right(entry, folder):
            file = _File(entry, folder)
            for number, first, last, at in _spread(begin, entry.size, ends):
                every[number].extents.append(_Extent(file, first, last, at))
        begin += entry.size
    return [task for task in every if task.extents]


def _spread(begin: int, size: int, ends: list[int]) -> Iterator[tuple[int, int, int, int]]:
    """The blocks that a file spreads over which begins there: number of each, its bytes, their place in the file."""
    number = min(bisect_right(ends, begin), len(ends) - 1)
    done = 0
    while True:
        before = ends[number - 1] if number else 0
        first, last = begin + done - before, min(begin + size, ends[number]) - before
        yield number, first, last, done
        done += last - first
        number += 1
        if done == size:
            return

"""The folders that a scan went through: for as long as they stay, no file came, went or was renamed in them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from ..identity.stamp import FileStamp, stamp_from, unchanged

_TICK = 50_000_000
"""Nanoseconds within which two changes of a folder can bear one time."""


class Visited:
    """Folders, each as it was before it was listed. `clock` is that of the file system, in nanoseconds since 1970."""

    def __init__(self, clock: Callable[[], int] = time.time_ns) -> None:
        self._clock = clock
        self._folders: dict[tuple[int, int], FileStamp] = {}
        self._beside: list[FileStamp] = []
        self._absent: list[Path] = []
        self._sure = True

    def enter(self, folder: Path) -> bool:
        """Is it the first visit of this folder, by whichever path? Raises OSError."""
        try:
            status = folder.stat()
        except FileNotFoundError:
            self._absent.append(folder)
            raise
        number = (status.st_dev, status.st_ino)
        if number in self._folders:
            return False
        self._folders[number] = self._stamp(folder, status)
        return True

    def note(self, path: Path) -> None:
        """What else decides what a scan sees: a folder of which only names are taken, or a file that names one."""
        try:
            self._beside.append(self._stamp(path, path.stat()))
        except OSError:
            self._absent.append(path)

    def unchanged(self) -> bool:
        """Would a scan see the same files? False where that can't be told, as right after a change."""
        return self._sure and unchanged([*self._folders.values(), *self._beside]) and not self._appeared()

    def _stamp(self, path: Path, status: os.stat_result) -> FileStamp:
        stamp = stamp_from(path, status)
        self._sure = self._sure and abs(self._clock() - stamp.modified) > _TICK
        return stamp

    def _appeared(self) -> bool:
        return any(path.exists() for path in self._absent)

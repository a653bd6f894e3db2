"""A picture that is shown in its place while it is made: what was there before comes back unless it gets done."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from ..files.writing import TEMPORARY, write_atomically, write_together
from .signals import shielded


class Draft:
    """One file, as it is so far. What it replaces lies beside it, under a hidden name, until one of both is to stay."""

    def __init__(self, path: Path) -> None:
        self.path = Path(os.path.realpath(path)) if path.is_symlink() else path
        self._old: Path | None = None
        self._shown: tuple[int, int, int] | None = None

    def show(self, data: bytes) -> None:
        """Put the picture as it is so far in its place. Raises OSError."""
        with shielded():
            if self._shown is None:
                self._old = _set_aside(self.path)
            write_atomically(self.path, data)
            self._shown = _stamp(self.path)

    def finish(self, data: bytes, beside: dict[Path, bytes]) -> None:
        """Put the finished picture in its place, and `beside` it what belongs to it: all or nothing. Raises OSError."""
        with shielded():
            write_together({self.path: data} | beside)
            self._shown = None
            self._forget()

    def abandon(self) -> None:
        """What was there before is there again; what somebody else has put there since stays."""
        with shielded():
            if self._shown is not None and self._shown == _stamp(self.path):
                if self._old is not None:
                    self._old.replace(self.path)
                    self._old = None
                else:
                    self.path.unlink(missing_ok=True)
            self._shown = None
            self._forget()

    def _forget(self) -> None:
        if self._old is not None:
            self._old.unlink(missing_ok=True)
            self._old = None


def _set_aside(path: Path) -> Path | None:
    """Another name of the file, or a copy of it where the file system has no second names; None for no file."""
    aside = path.with_name(f"{TEMPORARY}{os.urandom(8).hex()}.old")
    try:
        os.link(path, aside)
    except FileNotFoundError:
        return None
    except OSError:
        shutil.copy2(path, aside)
    return aside


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        about = path.stat()
    except OSError:
        return None
    return about.st_dev, about.st_ino, about.st_mtime_ns

"""A Unix socket with one owner: taken under a lock, known by its inode, and given back by nobody else.

A server that ends must not take away the socket of the one that came after it, and one whose socket is gone (another
has it, its folder was removed) can be reached by nobody and must end.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from pathlib import Path

from ..messages import in_english
from ..words.errors import ImagineError

PATIENCE = 40.0
"""Seconds for the socket's last owner to end: as long as what it does may take, and some."""
_PAUSE = 0.05
_LOOK = 1.0
_PRIVATE = 0o177


class OwnSocket:
    """The right to listen at `path`, from `claim` to `give_back`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock: int | None = None
        self._is: tuple[int, int] | None = None

    async def claim(self, patience: float = PATIENCE) -> socket.socket:
        """A listening socket that only this user can open, once its last owner has ended.

        Raises ImagineError where a server answers at it, or its owner does not end; OSError for a path that can't be.
        """
        deadline = asyncio.get_running_loop().time() + patience
        while not self._locked():
            if _answers(self._path):
                raise ImagineError(in_english(f"another server listens on {self._path}"))
            if asyncio.get_running_loop().time() > deadline:
                raise ImagineError(in_english(f"the server that listened on {self._path} does not end"))
            await asyncio.sleep(_PAUSE)
        try:
            return self._bound()
        except BaseException:
            self._unlock()
            raise

    @property
    def lost(self) -> bool:
        """Is something else, or nothing, where the socket was?"""
        return self._is is not None and _inode(self._path) != self._is

    async def until_lost(self) -> None:
        """Returns once nobody can reach this server any more."""
        while not self.lost:
            await asyncio.sleep(_LOOK)

    def give_back(self) -> None:
        """Removes the socket where it is still this one's, and lets the next have the path."""
        if self._is is not None and not self.lost:
            self._path.unlink(missing_ok=True)
        self._is = None
        self._unlock()

    def _bound(self) -> socket.socket:
        if _answers(self._path):  # of a release that took no lock
            raise ImagineError(in_english(f"another server listens on {self._path}"))
        if self._path.is_socket():
            self._path.unlink(missing_ok=True)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(_PRIVATE)
        try:
            listening.bind(str(self._path))
        except BaseException:
            listening.close()
            raise
        finally:
            os.umask(before)
        self._is = _inode(self._path)
        return listening

    def _locked(self) -> bool:
        """Takes the lock where nobody has it. Raises OSError where its file can't be made."""
        import fcntl

        name = f"{self._path}.lock"
        file = os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            about = os.fstat(file)
            if _inode(Path(name)) == (about.st_dev, about.st_ino):  # else its folder was removed meanwhile
                self._lock = file
                return True
        os.close(file)
        return False

    def _unlock(self) -> None:
        if self._lock is not None:
            about, name = os.fstat(self._lock), Path(f"{self._path}.lock")
            if _inode(name) == (about.st_dev, about.st_ino):  # who waits for it looks for another then
                name.unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        about = path.lstat()
    except OSError:
        return None
    return about.st_dev, about.st_ino


def _answers(path: Path) -> bool:
    """Does anybody take a connection there?"""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as there:
        there.settimeout(_LOOK)
        there.connect(str(path))
        return True
    return False

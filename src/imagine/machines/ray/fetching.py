"""Files that a job needs and this machine lacks, brought from the gateway by ranges, checked, within bounds.

Each component comes into a folder of its own, called by its digest, below one that holds nothing else. It gets that
name once every file has the SHA-256 that was said, and all together are of the content that jobs name. What stopped
goes on where it was; where there is no room, what no job has taken for an hour goes, the longest unused first.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import shutil
import time
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from ...files.folders import make_own
from ...files.model_folders import unquoted
from ...library.connection import SiteConnection
from ...library.download import Telling, download, finished
from ...library.manners import MANNERS, Manners
from ...library.offer import RemoteFile
from ...library.partial import lock
from ...library.sites import ModelSite, Sites
from ...messages import Message, in_english, message
from ...registry.content import content_digest
from ...registry.describe import describe
from ...registry.scan import scan_one
from ...words.errors import DownloadFailed, ImagineError, UnusableModel
from ...words.model import Component
from ..lending import PATH
from ..lent import Lent, LentFile, places_of, seconds_for

_COMING = ".coming"
"""What is hidden from whoever looks for models."""
_TURN = "turn"
_UNUSED = 3600.0
"""Seconds without a job of it after which a component may go to make room."""
_LOOK = 0.2
_GIGA = 10**9
VARIABLE, USUAL = "IMAGINE_FETCH", 100.0
"""What says how many GB may be fetched in all, and what holds where nothing does."""


class FetchRoom(NamedTuple):
    """How much of the disk there is for it, in bytes."""

    most: int
    """Of all that was fetched; 0: nothing is."""
    spare: int = 10 * _GIGA
    """That stay free for others."""
    free: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free


class Fetcher:
    """Into one folder, which several processes may share. Used from one event loop."""

    def __init__(
        self,
        folder: Path,
        room: FetchRoom,
        *,
        manners: Manners = MANNERS,
        seconds: Callable[[int], float] = seconds_for,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.folder, self._room = folder, room
        self._manners, self._seconds, self._wall = manners, seconds, wall

    async def fetch(self, lent: Lent, told: Callable[[int], None]) -> None:
        """Brings a component here; one at a time on this machine. `told` hears how many bytes are there.

        Raises FrameError for what nobody lends, DownloadFailed, OSError. What came stays for the next time, unless it
        isn't what it should be.
        """
        places = places_of(lent)
        if not self._room.most:
            raise DownloadFailed(message("fetch.off"))
        if lent.size > self._room.most:
            raise DownloadFailed(message("fetch.larger", size=_giga(lent.size), most=_giga(self._room.most)))
        target, coming = self.folder / lent.digest, self.folder / _COMING / lent.digest
        async with self._turn():
            if await finished(lambda: _is_there(lent, target, places[0])):
                return
            await finished(lambda: self._make_room(lent, coming))
            there = 0
            for file, place in zip(lent.files, places, strict=True):
                await self._download(lent, file, coming / place, partial(_tell, told, there))
                there += file.size
            await finished(lambda: _name(lent, places[0], coming, target))

    def used(self, part: Component) -> bool:
        """A job takes it: it is no longer the one that goes next. False: it went already."""
        path = Path(part.path)
        if not path.is_relative_to(self.folder):
            return True
        folder = self.folder / path.relative_to(self.folder).parts[0]
        with contextlib.suppress(OSError):
            os.utime(folder)
        return folder.exists()

    @contextlib.asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Of all processes here one at a time, so that none takes the room that another counts on."""
        own = make_own(self.folder / _COMING)
        descriptor = os.open(own / _TURN, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            while not lock(descriptor):
                await asyncio.sleep(_LOOK)
            yield
        finally:
            os.close(descriptor)

    def _make_room(self, lent: Lent, coming: Path) -> None:
        """Raises DownloadFailed where there is none, whatever goes for it. For a thread."""
        left = lent.size - _bytes_in(coming)
        old = sorted(self._unused(lent.digest), key=lambda path: path.stat().st_mtime)
        while (why := self._lacked(left)) is not None:
            if not old or (why := self._lacked(left - sum(map(_bytes_in, old)))) is not None:  # nothing goes in vain
                raise DownloadFailed(message("fetch.no_room", size=_giga(lent.size), why=why))
            gone = self.folder / _COMING / f"{old[0].name}.gone"
            old.pop(0).rename(gone)  # so that nobody finds half of it
            shutil.rmtree(gone)

    def _lacked(self, more: int) -> Message | None:
        """What keeps so many bytes more out."""
        if _bytes_in(self.folder) + more > self._room.most:
            return message("fetch.full", most=_giga(self._room.most))
        free = self._room.free(self.folder) - self._room.spare
        return message("fetch.disk", free=_giga(max(0, free))) if free < more else None

    def _unused(self, wanted: str) -> list[Path]:
        """What may go: that no job has taken lately, and what was begun and never ended."""
        now = self._wall()
        folders = [*self.folder.iterdir(), *(self.folder / _COMING).iterdir()]
        return [
            path
            for path in folders
            if path.is_dir() and path.name not in (_COMING, _TURN, wanted) and now - path.stat().st_mtime > _UNUSED
        ]

    async def _download(self, lent: Lent, file: LentFile, target: Path, told: Telling) -> None:
        """One of its files, from that one address alone. Raises DownloadFailed, OSError."""
        site = ModelSite(lent.at, (), file.ticket)
        remote = RemoteFile("hub", lent.at + PATH, target.name, file.size, file.sha256)
        try:
            async with asyncio.timeout(self._seconds(file.size)):
                async with SiteConnection(Sites(site, site), self._manners) as connection:
                    await download(connection, remote, target, told)
        except TimeoutError as error:
            raise DownloadFailed(message("fetch.slow")) from error


def most_from(environ: Mapping[str, str]) -> int:
    """How many bytes may be fetched, as the environment says. Raises ImagineError."""
    said = unquoted(environ.get(VARIABLE, ""))
    try:
        giga = float(said or USUAL)
    except ValueError:
        giga = -1.0
    if not 0 <= giga < math.inf:
        raise ImagineError(in_english(f"{VARIABLE} is {said!r}; it must be a number of GB, 0 for none"))
    return int(giga * _GIGA)


def _tell(told: Callable[[int], None], before: int, what: str, done: int, _: int) -> None:
    """Of all files, as is done of one."""
    if what == "pulling":
        told(before + done)


def _is_there(lent: Lent, target: Path, first: PurePosixPath) -> bool:
    """Did it come before? What isn't what it was then goes. Raises OSError. For a thread."""
    if not target.exists():
        return False
    try:
        _check(lent, target, first)
    except (DownloadFailed, UnusableModel):
        shutil.rmtree(target)
        return False
    return True


def _name(lent: Lent, first: PurePosixPath, coming: Path, target: Path) -> None:
    """Gives it its name, if it is what jobs call so and can be used. Raises DownloadFailed, OSError. For a thread."""
    try:
        _check(lent, coming, first)
    except (DownloadFailed, UnusableModel):
        shutil.rmtree(coming)
        raise
    coming.rename(target)
    os.utime(target)


def _check(lent: Lent, folder: Path, first: PurePosixPath) -> None:
    scanned = scan_one(folder if lent.format == "diffusers" else folder / first)
    entry = None if scanned is None else describe(scanned)
    if entry is None or entry.problem is not None or content_digest(entry) != lent.digest:
        raise DownloadFailed(message("fetch.other", digest=lent.digest[:12]))


def _bytes_in(folder: Path) -> int:
    """What it takes on the disk: of a file that is being filled, what is there."""
    if not folder.exists():
        return 0
    statuses = [path.lstat() for path in folder.rglob("*") if not path.is_dir()]
    return sum(min(status.st_size, getattr(status, "st_blocks", 2**53) * 512) for status in statuses)


def _giga(count: int) -> Message:
    return message("size.gb", count=round(count / _GIGA, 1))

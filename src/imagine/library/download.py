"""One file, fetched: several stretches at once, each from where it stopped, checked whole, and only then named.

A link that has expired is asked for anew, as each stretch asks the site itself at every try. A site that knows no
ranges sends it in one go, from the beginning.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import aiohttp

from ..files.writing import sync_folder
from ..messages import message
from .asking_sites import Beginning, beginning_of, refuse_page, size_in
from .checked import check_file
from .connection import SiteConnection
from .offer import RemoteFile
from .partial import Partial, Stretch, done_of, held
from .trouble import DownloadFailed, Interrupted

T = TypeVar("T")
_BLOCK = 2**20
_NOTED = 8 * 2**20
"""Bytes after which it is noted which are there."""
Telling = Callable[[str, int, int], None]
"""Hears what is done, `pulling` or `verifying`, and how many bytes of how many are there."""


class _NoRanges(Exception):
    """A part was asked for, and all of it comes."""


async def download(
    connection: SiteConnection, file: RemoteFile, target: Path, told: Telling, beginning: Beginning | None = None
) -> str:
    """Brings the file to `target`; its SHA-256, or "" where another brought it there meanwhile.

    Raises DownloadFailed; OSError, where the disk is full among others. What came stays for the next time, unless it
    isn't what it should be.
    """
    async with held(target, lambda: told("pulling", *done_of(target))) as partial:
        if partial is None:
            return ""
        beginning = beginning or await beginning_of(connection, file)
        fetching = _Fetching(connection, file, partial, told)
        await fetching.fetch(beginning)
        try:
            digest = await fetching.checked()
        except DownloadFailed:
            # A link may have been bent, or a disk: once more from the beginning, and then it is the site's own fault.
            partial.forget()
            await fetching.fetch(beginning)
            try:
                digest = await fetching.checked()
            except DownloadFailed:
                partial.drop()
                raise
        try:
            await finished(lambda: partial.place(target))
        except FileExistsError as error:  # it was given to another file meanwhile
            raise DownloadFailed(message("pull.in_the_way", name=target.name)) from error
        await finished(lambda: sync_folder(target.parent))
        return digest


class _Fetching:
    """Of one file into one partial."""

    def __init__(self, connection: SiteConnection, file: RemoteFile, partial: Partial, told: Telling) -> None:
        self._connection = connection
        self._file = file
        self._partial = partial
        self._told = told
        self._manners = connection.manners
        self._noted = 0
        self._ranged = True
        self._size = 0

    async def fetch(self, beginning: Beginning) -> None:
        """All that isn't there yet."""
        self._size, self._ranged = beginning.size, beginning.ranged
        of = self._file.sha256 or self._file.blob or self._file.url
        most, least = self._manners.cutting
        stretches = min(most, 1 + self._size // least) if self._ranged else 1
        self._partial.open(of, self._size, stretches)
        self._tell()
        try:
            await self._together()
        except _NoRanges:
            self._ranged = False
            self._partial.begin(of, self._size, 1)
            await self._together()
        finally:
            with contextlib.suppress(OSError):  # a disk that is full has no room for notes either
                self._partial.save()

    async def checked(self) -> str:
        """The SHA-256 of what came, once it is what it should be. Raises DownloadFailed."""
        self._told("verifying", 0, self._size)
        flushing = asyncio.ensure_future(
            finished(self._partial.flush)
        )  # which takes a disk as long as reading it again
        try:
            return await finished(
                lambda: check_file(
                    self._partial.path, self._file, lambda done: self._told("verifying", done, self._size)
                )
            )
        finally:
            await flushing

    async def _together(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for piece in self._partial.stretches:
                    if piece.left or not self._size:
                        group.create_task(self._piece(piece))
        except BaseExceptionGroup as several:
            raise _first(several) from None

    async def _piece(self, piece: Stretch) -> None:
        tried = 0
        while piece.left:
            before = piece.done
            try:
                await self._stream(piece)
            except Interrupted as trouble:
                went_on = self._ranged and piece.done > before
                tried = 1 if went_on else tried + 1
                self._partial.save()
                await self._manners.persistence.after(trouble, tried)

    async def _stream(self, piece: Stretch) -> None:
        """One connection's worth of a piece."""
        if not self._ranged:
            piece.done = 0
        start = piece.start + piece.done
        headers = {"Range": f"bytes={start}-{piece.start + piece.length - 1}"} if self._ranged else {}
        async with self._connection.get(self._file.site, self._file.url, headers) as answer:
            refuse_page(answer, self._file)
            size, ranged = size_in(answer, self._file, start)
            if self._ranged and not ranged:
                raise _NoRanges
            if size != self._size:
                raise DownloadFailed(message("pull.size", name=self._file.last, expected=self._size, size=size))
            await self._keep(piece, answer)
        if piece.left:
            raise Interrupted(message("pull.broken", host=answer.url.host or "", why=message("pull.early")))

    async def _keep(self, piece: Stretch, answer: aiohttp.ClientResponse) -> None:
        """What comes, in blocks; what came before a connection broke, too."""
        block = bytearray()
        try:
            async for data in answer.content.iter_any():
                block += data
                if len(block) >= min(_BLOCK, piece.left):
                    await self._write(piece, bytes(block))
                    block.clear()
        except (aiohttp.ClientError, TimeoutError):
            await self._write(piece, bytes(block))
            raise
        await self._write(piece, bytes(block))

    async def _write(self, piece: Stretch, data: bytes) -> None:
        if len(data) > piece.left:
            raise DownloadFailed(message("pull.size", name=self._file.last, expected=self._size, size=self._size + 1))
        self._noted += len(data)
        noting = self._noted >= _NOTED
        if noting:
            self._noted = 0
        await finished(lambda: self._filled(piece, data, noting=noting))
        self._tell()

    def _filled(self, piece: Stretch, data: bytes, *, noting: bool) -> None:
        self._partial.fill(piece, data)
        if noting:
            self._partial.save()

    def _tell(self) -> None:
        self._told("pulling", self._partial.done, self._size)


async def finished(work: Callable[[], T]) -> T:
    """What `work` returns, on a thread. Whoever is cancelled meanwhile still waits: it holds a file that they close."""
    working = asyncio.get_running_loop().run_in_executor(None, work)
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.wait([working])
        raise


def _first(several: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error that says most: that there are no ranges, or what is final."""
    flat = several.exceptions
    return next((each for each in flat if isinstance(each, _NoRanges)), flat[0])

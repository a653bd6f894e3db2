"""Files of this machine, lent to those that work for it: by ticket, over a listener of their own, and nothing else.

A ticket opens one file, as it was when it was lent, for as long as it may take to read it. It goes over the connection
that both sides trust already; whoever has none learns nothing here, not even what there is.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from aiohttp import web

from ..identity.stamp import FileStamp, unchanged
from ..messages import message
from ..words.errors import UnusableModel
from ..words.model import Component
from .lent import Lent, LentFile, members_of, seconds_for

PATH = "/file"
_BEARER = "Bearer "
_LAST_BYTES = 1.0


class _Ticket(NamedTuple):
    file: FileStamp
    until: float


class Lender:
    """Of one gateway. `sha256_of` makes the digest of a whole file, "" where it isn't what it was.

    Used from one event loop.
    """

    def __init__(
        self, sha256_of: Callable[[FileStamp], Awaitable[str]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._sha256_of, self._clock = sha256_of, clock
        self._tickets: dict[str, _Ticket] = {}
        self._digesting = asyncio.Lock()
        self._runner: web.AppRunner | None = None
        self._at = ""

    async def open(self, host: str) -> None:
        """Listens at an address of this machine, at a port that is free. Raises OSError."""
        app = web.Application()
        app.router.add_get(PATH, self._give)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_LAST_BYTES)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, 0).start()
        address, port = self._runner.addresses[0][:2]
        self._at = f"http://{f'[{address}]' if ':' in address else address}:{port}"

    async def close(self) -> None:
        """Nobody is lent anything any more."""
        self._tickets.clear()
        if self._runner is not None:
            await self._runner.cleanup()

    async def lend(self, part: Component) -> Lent:
        """Lets somebody read what this component is made of. Raises UnusableModel where that isn't there any more."""
        stamps = {stamp.path: stamp for stamp in part.files}
        members = [(stamps[file.path], file.member) for file in members_of(part)]
        async with self._digesting:  # who reads several files at once makes the disk slower for all
            digests = [await self._sha256_of(stamp) for stamp, _ in members]
        if not members or not all(digests):
            raise UnusableModel(message("machines.absent", role=part.role, digest=part.digest[:12]))
        self._forget_old()
        until = self._clock() + 2 * seconds_for(sum(stamp.size for stamp, _ in members))
        files = tuple(
            LentFile(stamp.size, digest, self._ticket(stamp, until), member)
            for (stamp, member), digest in zip(members, digests, strict=True)
        )
        return Lent(digest=part.digest, format=part.format, at=self._at, files=files)

    def take_back(self, lent: Lent) -> None:
        """It is there, or isn't wanted."""
        for file in lent.files:
            self._tickets.pop(file.ticket, None)

    def _ticket(self, stamp: FileStamp, until: float) -> str:
        ticket = secrets.token_urlsafe(32)
        self._tickets[ticket] = _Ticket(stamp, until)
        return ticket

    def _forget_old(self) -> None:
        now = self._clock()
        self._tickets = {name: ticket for name, ticket in self._tickets.items() if ticket.until > now}

    async def _give(self, request: web.Request) -> web.StreamResponse:
        ticket = self._tickets.get(request.headers.get("Authorization", "").removeprefix(_BEARER))
        if ticket is None or self._clock() >= ticket.until or not unchanged([ticket.file]):
            raise web.HTTPNotFound
        return web.FileResponse(ticket.file.path, headers={"Content-Type": "application/octet-stream"})

"""Bodies are read within bounds: each one's size, all of them together, and the time they take."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web

from ...messages import message
from ...words.errors import Busy
from .packing import CODINGS, Unpacking

MAX_BODY = 64 * 2**20
MAX_TOTAL = 4 * MAX_BODY
"""Bytes of bodies, and of the pictures that came in them, that are held at one time."""
DEADLINE = 60.0
"""Seconds for a body to arrive."""
_PATIENCE = 5.0
"""Seconds after which to try again where too many came at once."""


class TooLarge(Exception):
    """A body of more than `MAX_BODY` bytes."""


class TooSlow(Exception):
    """A body that wasn't whole after `DEADLINE` seconds."""


class Allowance:
    """What all requests together may hold."""

    def __init__(self, total: int = MAX_TOTAL) -> None:
        self._left = total

    def holding(self) -> Holding:
        """One request's part of it, nothing yet."""
        return Holding(self)

    def take(self, size: int) -> None:
        """Raises Busy where there isn't so much."""
        if size > self._left:
            raise Busy(message("busy.bodies", seconds=_PATIENCE), retry_after=_PATIENCE)
        self._left -= size


class Holding:
    """What one request holds; leaving it as a context gives all of it back."""

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance
        self._size = 0

    def __enter__(self) -> Holding:
        return self

    def __exit__(self, *_: object) -> None:
        self.hold(0)

    def hold(self, size: int) -> None:
        """Holds `size` bytes from now on. Raises Busy where there isn't so much."""
        self._allowance.take(size - self._size)
        self._size = size

    def moved(self) -> Holding:
        """Another that holds all of it from now on; this one holds nothing then."""
        other = Holding(self._allowance)
        other._size, self._size = self._size, 0
        return other


async def read_body(request: web.Request, holding: Holding, deadline: float = DEADLINE) -> bytes:
    """The whole body, unpacked where it came packed; `MAX_BODY` holds for both.

    Raises TooLarge, TooSlow, Busy, HTTPUnsupportedMediaType, and BadRequest for what isn't packed as it says.
    """
    coding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if coding != "identity" and coding not in CODINGS:
        raise web.HTTPUnsupportedMediaType(headers={"Accept-Encoding": "gzip, deflate"})
    if (request.content_length or 0) > MAX_BODY:
        raise TooLarge
    body = bytearray()
    try:
        async with asyncio.timeout(deadline):
            async for piece in _pieces(request) if coding == "identity" else _unpacked(request, coding):
                if len(body) + len(piece) > MAX_BODY:
                    raise TooLarge
                holding.hold(len(body) + len(piece))
                body += piece
    except TimeoutError as error:
        raise TooSlow from error
    return bytes(body)


async def _pieces(request: web.Request) -> AsyncIterator[bytes]:
    async for piece in request.content.iter_any():
        yield piece


async def _unpacked(request: web.Request, coding: str) -> AsyncIterator[bytes]:
    unpacking = Unpacking(coding)
    async for piece in request.content.iter_any():
        for step in unpacking.more(piece):
            yield step
            await asyncio.sleep(0)  # others' turn: a megabyte takes milliseconds
    unpacking.end()

"""Bodies are read within bounds: each one's size, and the time they take."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from aiohttp import web

from ...fairness.allowance import Holding
from .packing import CODINGS, Unpacking

MAX_BODY = 64 * 2**20
DEADLINE = 60.0
"""Seconds for a body to arrive."""


class TooLarge(Exception):
    """A body of more than `MAX_BODY` bytes."""


class TooSlow(Exception):
    """A body that wasn't whole after `DEADLINE` seconds."""


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

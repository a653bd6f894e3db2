"""Events to lines, as they happen; what goes wrong after the first byte is the last line."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from aiohttp import web

from ...words.frames import JobReport, Submit
from ..gateway.keys import GATEWAY
from .service import events_of

Line = Callable[[int, JobReport], Awaitable[bytes | None]]
"""What an event of the job of that index makes, if anything."""
LastLine = Callable[[Exception], bytes]
"""What is said of an error once something was sent."""
PATIENCE = 120.0
"""Seconds for a client to take a line; one that doesn't has gone away."""


async def send_events(
    request: web.Request, jobs: list[Submit], line: Line, last: LastLine, *, media_type: str, patience: float = PATIENCE
) -> web.StreamResponse:
    """Does the jobs and sends what `line` makes of each event. An error before the first line is raised."""
    response = web.StreamResponse(headers={"X-Accel-Buffering": "no", "Cache-Control": "no-store"})
    response.content_type = media_type
    async with contextlib.aclosing(events_of(request.app[GATEWAY], jobs)) as events:
        try:
            async for index, event in events:
                if (said := await line(index, event)) is not None:
                    await _send(request, response, said, patience)
        except (ConnectionError, TimeoutError):
            return response  # nobody is there to be told
        except Exception as error:
            if not response.prepared:
                raise
            with contextlib.suppress(ConnectionError, TimeoutError):
                await _send(request, response, last(error), patience)
    return response


async def _send(request: web.Request, response: web.StreamResponse, line: bytes, patience: float) -> None:
    async with asyncio.timeout(patience):
        if not response.prepared:
            await response.prepare(request)
        await response.write(line)

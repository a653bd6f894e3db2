"""Events to lines, as they happen; what goes wrong after the first byte is the last line."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from ..events import Finished, Preview
from ..frames import JobReport, Submit
from .errors import native_error, trouble_from
from .keys import GATEWAY, LANGUAGE
from .native import final_from_finished, intermediate_from_preview, line_from, news_from
from .service import Plan, events_of

NDJSON = "application/x-ndjson"
Line = Callable[[int, JobReport], Awaitable[bytes | None]]
"""What an event of the job of that index makes, if anything."""
LastLine = Callable[[Exception], bytes]
"""What is said of an error once something was sent."""
PATIENCE = 120.0
"""Seconds for a client to take a line; one that doesn't has gone away."""


async def stream(request: web.Request, plan: Plan, patience: float = PATIENCE) -> web.StreamResponse:
    """Sends what happens, in our own dialect."""

    async def line(index: int, event: JobReport) -> bytes | None:
        said = line_of(plan, index, event)
        return None if said is None else line_from(said)

    def last(error: Exception) -> bytes:
        return line_from(native_error(trouble_from(error).note))

    return await send_events(request, plan.jobs, line, last, media_type=NDJSON, patience=patience)


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


def line_of(plan: Plan, index: int, event: JobReport) -> dict[str, Any] | None:
    """The line that an event of picture `index` makes, if any."""
    job = plan.jobs[index]
    match event:
        case Preview():
            line: dict[str, Any] | None = intermediate_from_preview(event, job.params.seed)
        case Finished():
            line = final_from_finished(event, job.params.num_steps, plan.warnings, LANGUAGE.get())
        case _:
            line = news_from(event) if plan.progress else None
    if line is not None and len(plan.jobs) > 1:
        line["index"] = index
    return line


async def _send(request: web.Request, response: web.StreamResponse, line: bytes, patience: float) -> None:
    async with asyncio.timeout(patience):
        if not response.prepared:
            await response.prepare(request)
        await response.write(line)

"""Events to lines of NDJSON, as they happen; what goes wrong after the first byte is the last line."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from aiohttp import web

from ..errors import ImagineError
from ..events import Finished, Preview
from ..frames import JobReport
from .errors import response_from_error, sentence_of
from .gateway import Gateway
from .keys import REQUEST_ID
from .native import final_from_finished, intermediate_from_preview, line_from, news_from
from .service import Plan, events_of

NDJSON = "application/x-ndjson"
PATIENCE = 120.0
"""Seconds for a client to take a line; one that doesn't has gone away."""


async def stream(gateway: Gateway, request: web.Request, plan: Plan, patience: float = PATIENCE) -> web.StreamResponse:
    """Sends what happens. An error before the first line is an ordinary answer."""
    response = web.StreamResponse(headers={"X-Accel-Buffering": "no", "Cache-Control": "no-store"})
    response.content_type = NDJSON
    async with contextlib.aclosing(events_of(gateway, plan.jobs)) as events:
        try:
            async for index, event in events:
                line = line_of(plan, index, event)
                if line is not None:
                    await _send(request, response, line, patience)
        except (ConnectionError, TimeoutError):
            return response  # nobody is there to be told
        except Exception as error:
            if response.prepared:
                said = {"error": sentence_of(error, REQUEST_ID.get())}
                with contextlib.suppress(ConnectionError, TimeoutError):
                    await _send(request, response, said, patience)
            elif isinstance(error, ImagineError):
                return response_from_error(error)
            else:
                raise
    return response


def line_of(plan: Plan, index: int, event: JobReport) -> dict[str, Any] | None:
    """The line that an event of picture `index` makes, if any."""
    job = plan.jobs[index]
    match event:
        case Preview():
            line: dict[str, Any] | None = intermediate_from_preview(event, job.params.seed)
        case Finished():
            line = final_from_finished(event, job.params.num_steps, plan.warnings)
        case _:
            line = news_from(event) if job.progress else None
    if line is not None and len(plan.jobs) > 1:
        line["index"] = index
    return line


async def _send(request: web.Request, response: web.StreamResponse, line: dict[str, Any], patience: float) -> None:
    async with asyncio.timeout(patience):
        if not response.prepared:
            await response.prepare(request)
        await response.write(line_from(line))

"""`GET /jobs/{id}/events`: what happens to an order, as server-sent events or line by line, from any point on.

Each event's id says all that is needed to go on behind it (`orders/log_place.py`). A log that is gone, with the process
or with its last reader, is made up for by a snapshot.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

from aiohttp import web

from ...messages import message
from ...words.errors import BadRequest
from ...words.events import Finished
from ..gateway.keys import GATEWAY
from ..http.addresses import picture_url
from ..http.encoding import NDJSON, body_from
from ..http.errors import native_error, trouble_from
from ..lasting.rows import OrderRow
from ..orders.connection import PATIENCE, opened
from ..orders.event_log import OrderEvent
from ..orders.log_place import LogPlace, beginning, place_from
from ..orders.order import LastingPart, Order
from .detached import known, status_of
from .replies import news_from
from .streaming import line_of

SSE = "text/event-stream"
_QUIET = 15.0
"""Seconds without an event after which a comment is sent, for whatever is in between not to hang up."""
_RETRY = b"retry: 2000\n\n"


async def events(request: web.Request) -> web.StreamResponse:
    """Sends what happens to its end. Behind the end there is nothing: 204, and a browser asks no more."""
    row, after = await known(request), _after(request)
    if after is not None and after.is_end:
        return web.Response(status=204)
    order = await opened(request, row)
    sse = SSE in request.headers.get("Accept", "")
    response = web.StreamResponse(headers={"X-Accel-Buffering": "no", "Cache-Control": "no-store"})
    response.content_type = SSE if sse else NDJSON
    with contextlib.suppress(ConnectionError, TimeoutError):  # nobody is there to be told
        await response.prepare(request)
        if request.method != "HEAD":
            async with contextlib.aclosing(_lines(request, row, order, after)) as lines:
                await _send(response, lines, sse=sse)
    return response


def _after(request: web.Request) -> LogPlace | None:
    """Behind which event it is to go on. Raises BadRequest."""
    said = request.query.get("after") or request.headers.get("Last-Event-ID", "")
    if not said:
        return None
    if (place := place_from(said)) is None:
        raise BadRequest(message("events.after", "after", value=said[:80]))
    return place


async def _send(response: web.StreamResponse, lines: AsyncIterator[dict[str, Any]], *, sse: bool) -> None:
    if sse:
        await _write(response, _RETRY)
    upcoming = asyncio.ensure_future(anext(lines, None))
    try:
        while True:
            await asyncio.wait({upcoming}, timeout=_QUIET)
            if not upcoming.done():
                await _write(response, b": waiting\n\n" if sse else b"\n")
                continue
            if (line := upcoming.result()) is None:
                return
            await _write(response, _as_event(line) if sse else body_from(line) + b"\n")
            upcoming = asyncio.ensure_future(anext(lines, None))
    finally:
        upcoming.cancel()
        await asyncio.wait({upcoming})


async def _write(response: web.StreamResponse, data: bytes) -> None:
    async with asyncio.timeout(PATIENCE):
        await response.write(data)


def _as_event(line: dict[str, Any]) -> bytes:
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (line["seq"].encode(), line["status"].encode(), body_from(line))


async def _lines(
    request: web.Request, row: OrderRow, order: Order, after: LogPlace | None
) -> AsyncGenerator[dict[str, Any]]:
    lasting = order.lasting
    assert lasting is not None, "it was read from the book"
    place = beginning(lasting, after)
    if place is not after:
        snapshot = await status_of(request, row)
        yield {"status": "snapshot", "seq": str(place), **snapshot}
    failure: Exception | None = None
    try:
        async with contextlib.aclosing(order.log.read(place.number)) as log:
            async for event in log:
                place, told = place.behind(event)
                if not told and (line := _line(request, lasting, order, event)) is not None:
                    yield {**line, "seq": str(place)}
    except Exception as error:  # noqa: BLE001 - what the order failed with is what is told of it
        failure = error
    if request.app[GATEWAY].stopping or order.state == "open":
        return  # it goes on behind the next start, and so does whoever comes back
    ending: dict[str, Any] = {"status": "end", "state": order.state, "seq": str(place._replace(is_end=True))}
    yield ending if failure is None else ending | native_error(trouble_from(failure).note, failure)


def _line(request: web.Request, lasting: LastingPart, order: Order, event: OrderEvent) -> dict[str, Any] | None:
    """An event as `/generate` tells it; where a finished picture is in place of the picture, and always its place."""
    line = line_of(order, event) or news_from(event.report, order.id)
    if line is not None and isinstance(event.report, Finished):
        del line["img"]
        line["url"] = picture_url(request, lasting.names[event.index], request.app[GATEWAY].settings.public_url)
        line["media_type"] = event.report.media_type
    return None if line is None else {**line, "index": event.index}

"""`GET /v1/predictions/ID/stream`: what happens to a prediction, as it happens."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator

from aiohttp import web

from ...words.errors import Cancelled
from ...words.events import Finished, Progress
from ..http.errors import trouble_from
from ..orders.connection import ORDERS, send_pieces
from ..orders.event_log import OrderEvent
from ..orders.order import Order
from .answers import bar_from, data_url, event_from
from .requests import NAMED

_ALIVE = b": it waits\n\n"


async def send_prediction(request: web.Request, order: Order) -> web.StreamResponse:
    """Its pictures and steps from the beginning, or from behind the event that its client had last, to the end."""
    response = web.StreamResponse(headers={"X-Accel-Buffering": "no", "Cache-Control": "no-store"})
    response.content_type = "text/event-stream"
    had = request.headers.get("Last-Event-ID", "")
    since = int(had) if had.isdecimal() and had.isascii() and len(had) < 10 else 0
    async with contextlib.aclosing(_events(request, order, since)) as events:
        return await send_pieces(request, response, events)


async def _events(request: web.Request, order: Order, since: int) -> AsyncGenerator[bytes]:
    last, ended = since, "{}"
    try:
        async with contextlib.aclosing(request.app[ORDERS].events(order.id, since)) as events:
            async for event in events:
                last = event.number
                yield _told(event)
    except Cancelled:
        ended = '{"reason": "canceled"}'
    except Exception as error:  # noqa: BLE001 - what the order failed with is what is told of it
        yield event_from("error", trouble_from(error).sentence(NAMED), last + 1)
        ended = '{"reason": "error"}'
    yield event_from("done", ended, last + 2)


def _told(event: OrderEvent) -> bytes:
    match event.report:
        case Finished(media_type=kind, data=data):
            return event_from("output", data_url(kind, data), event.number)
        case Progress():
            return event_from("logs", bar_from(event.report), event.number)
    return _ALIVE

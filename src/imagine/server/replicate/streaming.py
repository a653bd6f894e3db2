"""`GET /v1/predictions/ID/stream`: what happens to a prediction, as it happens."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator

from aiohttp import web

from ...words.errors import Cancelled
from ...words.events import Finished, Progress
from ..gateway.keys import GATEWAY
from ..http.errors import trouble_from
from ..orders.connection import send_pieces
from ..orders.event_log import OrderEvent
from ..orders.log_place import LogPlace, beginning, place_from
from ..orders.order import Order
from .answers import bar_from, data_url, event_from
from .requests import NAMED

_ALIVE = b": it waits\n\n"


async def send_prediction(request: web.Request, order: Order) -> web.StreamResponse:
    """Its pictures and steps from the beginning, or from behind the event that its client had last, to the end."""
    response = web.StreamResponse(headers={"X-Accel-Buffering": "no", "Cache-Control": "no-store"})
    response.content_type = "text/event-stream"
    after = place_from(request.headers.get("Last-Event-ID", ""))
    async with contextlib.aclosing(_events(request, order, after)) as events:
        return await send_pieces(request, response, events)


async def _events(request: web.Request, order: Order, after: LogPlace | None) -> AsyncGenerator[bytes]:
    assert order.lasting is not None, "predictions last"
    place, ended = beginning(order.lasting, after), "{}"
    failure: Exception | None = None
    try:
        async with contextlib.aclosing(order.log.read(place.number)) as events:
            async for event in events:
                place, told = place.behind(event)
                yield _ALIVE if told else _told(event, place)
    except Cancelled:
        ended = '{"reason": "canceled"}'
    except Exception as error:  # noqa: BLE001 - what the order failed with is what is told of it
        failure, ended = error, '{"reason": "error"}'
    if request.app[GATEWAY].stopping or order.state == "open":
        return  # it goes on behind the next start, and so does whoever comes back
    if failure is not None:
        yield event_from("error", trouble_from(failure).sentence(NAMED), place)
    yield event_from("done", ended, place._replace(is_end=True))


def _told(event: OrderEvent, place: LogPlace) -> bytes:
    match event.report:
        case Finished(media_type=kind, data=data):
            return event_from("output", data_url(kind, data), place)
        case Progress():
            return event_from("logs", bar_from(event.report), place)
    return _ALIVE

"""`POST /preprocess`: the map of a picture, as JSON, as a PNG, or line by line."""

from __future__ import annotations

import json

from aiohttp import web

from ...asking.json_body import read_json
from ...asking.preprocess import PreprocessRequest, parse_preprocess
from ...fairness.allowance import Holding
from ...messages import Message
from ...words.events import Finished
from ..gateway.keys import GATEWAY
from ..http.body import read_body
from ..http.context import LANGUAGE, ORDER_ID
from ..http.encoding import NDJSON, body_from, line_from
from ..http.errors import native_error, trouble_from
from ..http.security import client_of
from ..orders.connection import ORDERS, asked_as, pictures_of, send_events
from ..orders.event_log import OrderEvent
from ..orders.order import Order
from ..orders.preprocess import planned_map
from .answers import wants_png
from .replies import map_from_finished, news_from


async def preprocess(request: web.Request) -> web.StreamResponse:
    """Makes a map; a client that hangs up takes it back."""
    order = await _placed(request)
    if order.streams and not wants_png(request):
        return await _streamed(request, order)
    (painted,) = await pictures_of(request, order)
    answer = map_from_finished(painted.finished, order.warnings, LANGUAGE.get())
    if wants_png(request):
        headers = {"X-Imagine-Warnings": json.dumps(answer["warnings"]), "Cache-Control": "no-store"}
        return web.Response(body=painted.finished.data, content_type="image/png", headers=headers)
    return web.Response(body=body_from(answer), content_type="application/json")


async def _placed(request: web.Request) -> Order:
    """The order of what is asked for. The body is gone then, and so is the picture's text: only its bytes stay."""
    gateway = request.app[GATEWAY]
    with gateway.allowance.holding() as holding:
        wanted, warnings = await _read(request, holding)
        plan = await planned_map(gateway, wanted, client_of(request), holding)
        plan = plan._replace(warnings=[*warnings, *plan.warnings])
        order = await request.app[ORDERS].take_in(plan, client_of(request), holding, asked_as=asked_as(request))
    ORDER_ID.set(order.id)
    return order


async def _read(request: web.Request, holding: Holding) -> tuple[PreprocessRequest, list[Message]]:
    body = await read_body(request, holding)
    return await request.app[GATEWAY].apart(lambda: parse_preprocess(read_json(body)), client_of(request))


async def _streamed(request: web.Request, order: Order) -> web.StreamResponse:
    """Lines on how far it is, and at last one that holds the map."""

    async def line(event: OrderEvent) -> bytes | None:
        if isinstance(event.report, Finished):
            answer = map_from_finished(event.report, order.warnings, LANGUAGE.get())
            return line_from({"status": "final", **answer})
        news = news_from(event.report, order.id, "mapping")
        return None if news is None else line_from(news)

    def failure(error: Exception) -> bytes:
        return line_from(native_error(trouble_from(error).note, error))

    return await send_events(request, order, line, failure, media_type=NDJSON)

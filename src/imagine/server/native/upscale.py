"""`POST /upscale`: a picture enlarged, as JSON, as a PNG, or line by line; sent as it is read from the disk."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from aiohttp import web

from ...asking.json_body import read_json
from ...asking.upscale import UpscaleRequest, parse_upscale
from ...fairness.allowance import Holding
from ...messages import Message
from ...words.events import Finished
from ...words.frames import Submit
from ..gateway.keys import GATEWAY
from ..http.body import read_body
from ..http.context import LANGUAGE, ORDER_ID
from ..http.encoding import NDJSON, body_from, line_from
from ..http.errors import native_error, trouble_from
from ..http.security import client_of
from ..orders.connection import ORDERS, asked_as, pictures_of, send_events, send_pieces
from ..orders.event_log import OrderEvent
from ..orders.order import Order
from ..orders.picture_check import with_pictures_checked
from ..orders.plan import Plan
from ..orders.sign import sign_file
from ..orders.upscale import planned_upscale
from .answers import wants_png
from .replies import enlarged_from_finished, news_from

_PIECE = 3 * 2**16
"""Bytes of a file that are read at a time: whole ones in base64 need no padding in between."""
_JSON = "application/json"


async def upscale(request: web.Request) -> web.StreamResponse:
    """Enlarges a picture; a client that hangs up takes it back."""
    async with request.app[GATEWAY].stored.passing() as path:
        order, job = await _placed(request, path)
        if wants_png(request) or not order.streams:
            (painted,) = await pictures_of(request, order)
            await _signed(request, path, job, order)
            return await _answered(request, path, painted.finished, order)
        return await _streamed(request, path, order, job)


async def _placed(request: web.Request, path: Path) -> tuple[Order, Submit]:
    """The order of what is asked for, and its job."""
    with request.app[GATEWAY].allowance.holding() as holding:
        plan = await _planned(request, path, holding)
        order = await request.app[ORDERS].take_in(plan, client_of(request), holding, asked_as=asked_as(request))
    ORDER_ID.set(order.id)
    return order, plan.jobs[0]


async def _signed(request: web.Request, path: Path, job: Submit, order: Order) -> None:
    """Signs the file, or warns why it isn't."""
    order.warnings.extend(await sign_file(request.app[GATEWAY], path, job))


async def _planned(request: web.Request, path: Path, holding: Holding) -> Plan:
    """What the body asks for. It is gone then, and so is the picture's text: only its bytes stay."""
    wanted, warnings = await _read(request, holding)
    plan = await planned_upscale(request.app[GATEWAY], wanted, client_of(request), holding, path)
    plan = await with_pictures_checked(request.app[GATEWAY], plan, asked_as(request))
    return plan._replace(warnings=[*warnings, *plan.warnings])


async def _read(request: web.Request, holding: Holding) -> tuple[UpscaleRequest, list[Message]]:
    """What the body says; it is gone then."""
    body = await read_body(request, holding)
    return await request.app[GATEWAY].apart(lambda: parse_upscale(read_json(body)), client_of(request))


async def _answered(request: web.Request, path: Path, finished: Finished, order: Order) -> web.StreamResponse:
    """The PNG itself, or one object that holds it."""
    about = enlarged_from_finished(finished, order.warnings, LANGUAGE.get())
    response = web.StreamResponse(headers={"Cache-Control": "no-store"})
    if wants_png(request):
        response.content_type = "image/png"
        response.content_length = (await asyncio.to_thread(path.stat)).st_size
        response.headers["X-Imagine-Warnings"] = json.dumps(about["warnings"])
        pieces = _pieces(path)
    else:
        response.content_type = _JSON
        pieces = _in_json(path, about, b"")
    return await send_pieces(request, response, pieces)


async def _streamed(request: web.Request, path: Path, order: Order, job: Submit) -> web.StreamResponse:
    """Lines on how far it is, and at last one that holds the picture."""
    last: list[Finished] = []

    async def line(event: OrderEvent) -> bytes | None:
        if isinstance(event.report, Finished):
            last.append(event.report)
            return None
        news = news_from(event.report, order.id, "upscaling")
        return None if news is None else line_from(news)

    def failure(error: Exception) -> bytes:
        return line_from(native_error(trouble_from(error).note, error))

    response = await send_events(request, order, line, failure, media_type=NDJSON)
    if not last:
        return response
    await _signed(request, path, job, order)
    about = enlarged_from_finished(last[0], order.warnings, LANGUAGE.get())
    return await send_pieces(request, response, _in_json(path, {"status": "final", **about}, b"\n"))


async def _in_json(path: Path, about: dict[str, Any], end: bytes) -> AsyncGenerator[bytes]:
    """An object with `img`, the file in base64, and what it says `about` that; in this order, so that who reads can
    write it down as it comes."""
    yield b'{"img":"'
    async for piece in _pieces(path):
        yield b64encode(piece)
    yield b'",' + body_from(about)[1:] + end


async def _pieces(path: Path) -> AsyncGenerator[bytes]:
    file = await asyncio.to_thread(path.open, "rb")
    try:
        while piece := await asyncio.to_thread(file.read, _PIECE):
            yield piece
    finally:
        await asyncio.to_thread(file.close)

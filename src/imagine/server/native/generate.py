"""`POST /generate`: a picture, or several, as JSON, as a PNG, or line by line while they are made."""

from __future__ import annotations

import json

from aiohttp import web

from ...asking.json_body import read_json
from ...asking.request import GenerateRequest, Parsed, parse
from ...fairness.allowance import Holding
from ...messages import message
from ...words.errors import BadRequest
from ..gateway.keys import GATEWAY
from ..http.body import read_body
from ..http.context import CALLED, LANGUAGE
from ..http.encoding import body_from
from ..http.security import client_of
from ..orders.connection import pictures_of, place
from ..orders.order import Order
from .replies import answer_from_finished, left_out_from
from .streaming import stream


async def generate(request: web.Request) -> web.StreamResponse:
    """Makes what is asked for; a client that hangs up takes it back."""
    as_png = wants_png(request)
    order = await _placed(request, as_png=as_png)
    if order.streams:
        return await stream(request, order)
    finished = [picture.finished for picture in await pictures_of(request, order)]
    left_out = {index: left_out_from(each, order.pictures[index].params.seed) for index, each in order.left_out.items()}
    told = [*order.warnings, *order.told_left_out]
    answer = answer_from_finished(finished, told, LANGUAGE.get(), CALLED.get(), left_out)
    if as_png:
        headers = {"X-Imagine-Seed": answer["seed"], "X-Imagine-Warnings": json.dumps(answer["warnings"])}
        return web.Response(body=finished[0].data, content_type="image/png", headers=headers)
    return web.Response(body=body_from(answer), content_type="application/json")


def wants_png(request: web.Request) -> bool:
    """Is a PNG to be the answer, rather than an object that holds it?"""
    return request.headers.get("Accept", "").split(",")[0].split(";")[0].strip().lower() == "image/png"


async def _placed(request: web.Request, *, as_png: bool) -> Order:
    """The order of what is asked for. Its pictures are forgotten on the way: a photo takes long to denoise."""
    with request.app[GATEWAY].allowance.holding() as holding:
        parsed = await _read(request, holding)
        CALLED.set(parsed.called)
        if as_png:
            _check_png(parsed.request)
        order = await place(request, parsed.request, holding)
    order.warnings[:0] = parsed.warnings
    return order


def _check_png(parsed: GenerateRequest) -> None:
    """Raises BadRequest where one PNG can't hold what is asked for."""
    several = "count" if (parsed.count or 1) > 1 else None
    if field := "stream" if parsed.stream else "progress" if parsed.progress else several:
        raise BadRequest(message("accept.png", field))


async def _read(request: web.Request, holding: Holding) -> Parsed:
    """What the body says. The body itself is gone then: a large picture in it waits for its turn to be looked at."""
    body = await read_body(request, holding)
    return await request.app[GATEWAY].read(body, _parsed, client_of(request))


def _parsed(body: bytes) -> Parsed:
    values = read_json(body)
    if values.get("prompt") is None and isinstance(values.get("meta"), dict):  # a whole answer, or a saved JSON
        raise BadRequest(message("prompt.in_meta", "prompt"), reason="missing")
    return parse(values)

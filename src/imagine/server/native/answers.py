"""What an order comes to, for whoever waits for all of it: the object of `/generate`, or its one picture."""

from __future__ import annotations

import json

from aiohttp import web

from ..http.context import CALLED, LANGUAGE
from ..http.encoding import body_from
from ..orders.connection import pictures_of
from ..orders.order import Order
from .replies import answer_from_finished, left_out_from


def wants_png(request: web.Request) -> bool:
    """Is a PNG to be the answer, rather than an object that holds it?"""
    return request.headers.get("Accept", "").split(",")[0].split(";")[0].strip().lower() == "image/png"


async def answer(request: web.Request, order: Order, *, as_png: bool) -> web.Response:
    """Once it has ended. Raises what the order failed with."""
    finished = [picture.finished for picture in await pictures_of(request, order)]
    left_out = {index: left_out_from(each, order.pictures[index].params.seed) for index, each in order.left_out.items()}
    told = [*order.warnings, *order.told_left_out]
    said = answer_from_finished(finished, told, LANGUAGE.get(), CALLED.get(), left_out)
    if as_png:
        headers = {"X-Imagine-Seed": said["seed"], "X-Imagine-Warnings": json.dumps(said["warnings"])}
        return web.Response(body=finished[0].data, content_type="image/png", headers=headers)
    return web.Response(body=body_from(said), content_type="application/json")

"""`POST /models/{name}` and `POST /`: a picture, as bytes."""

from __future__ import annotations

import json

from aiohttp import web

from ...asking.json_body import read_json
from ...fairness.allowance import Holding
from ...messages import sentences
from ..gateway.keys import GATEWAY
from ..http.body import read_body
from ..http.context import CALLED
from ..http.security import client_of
from ..orders.connection import pictures_of, place
from ..orders.own_words import with_its_own_words
from .requests import AskedPicture, output_from, request_from_body, request_from_picture


async def draw(request: web.Request) -> web.Response:
    """Makes what is asked for; a client that hangs up takes it back."""
    with request.app[GATEWAY].allowance.holding() as holding:
        asked = await _read(request, holding)
        CALLED.set(asked.names)
        output = output_from(request.headers.get("Accept", ""))
        order = await place(request, asked.request, holding, output, filled=asked.filled)
    told = [*asked.warnings]
    del asked  # a photo takes long to denoise
    (picture,) = await pictures_of(request, order)
    finished = picture.finished
    warnings = sentences([*told, *order.warnings, *finished.warnings], called=CALLED.get())
    headers = {"X-Imagine-Seed": str(finished.meta["seed"]), "X-Imagine-Warnings": json.dumps(warnings)}
    return web.Response(body=finished.data, content_type=finished.media_type, headers=headers)


async def _read(request: web.Request, holding: Holding) -> AskedPicture:
    """What the body says: a picture where it says to be one, else JSON, whatever it says to be."""
    body = await read_body(request, holding)
    model, is_picture = request.match_info.get("name"), request.content_type.startswith(("image/", "application/octet"))

    def asked(body: bytes) -> AskedPicture:
        if not is_picture or body[:1] == b"{":
            return request_from_body(read_json(body), model)
        return request_from_picture(body, model)

    def with_words(body: bytes) -> AskedPicture:
        said = asked(body)
        return said._replace(request=with_its_own_words(said.request))

    return await request.app[GATEWAY].read(body, with_words, client_of(request))

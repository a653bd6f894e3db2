"""`POST /generate`: a picture, or several, as JSON, as a PNG, or line by line while they are made."""

from __future__ import annotations

import json
from typing import NamedTuple

from aiohttp import web

from ...asking.json_body import read_json
from ...asking.request import Parsed, parse
from ...messages import message
from ...words.errors import BadRequest
from ..gateway.keys import GATEWAY
from ..http.body import Holding, read_body
from ..http.context import LANGUAGE
from ..http.encoding import body_from
from ..http.security import client_of
from ..orders.service import Plan, pictures_of, plan
from .replies import answer_from_finished
from .streaming import stream

_LARGE = 2**16


class _Asked(NamedTuple):
    plan: Plan
    as_png: bool


async def generate(request: web.Request) -> web.StreamResponse:
    """Makes what is asked for; a client that hangs up takes it back."""
    gateway = request.app[GATEWAY]
    with gateway.allowance.holding() as holding:
        asked = await _asked(request, holding)
        if asked.plan.streams:
            return await stream(request, asked.plan)
        finished = await pictures_of(gateway, asked.plan.jobs)
    answer = answer_from_finished(finished, asked.plan.warnings, LANGUAGE.get())
    if asked.as_png:
        headers = {"X-Imagine-Seed": answer["seed"], "X-Imagine-Warnings": json.dumps(answer["warnings"])}
        return web.Response(body=finished[0].data, content_type="image/png", headers=headers)
    return web.Response(body=body_from(answer), content_type="application/json")


async def _asked(request: web.Request, holding: Holding) -> _Asked:
    """What the request asks for. Its pictures are forgotten on the way: a photo takes long to denoise."""
    parsed = await _read(request, holding)
    asked = await plan(request.app[GATEWAY], parsed.request, client_of(request), holding)
    asked = asked._replace(warnings=[*parsed.warnings, *asked.warnings])
    as_png = request.headers.get("Accept", "").split(",")[0].split(";")[0].strip().lower() == "image/png"
    if as_png and (asked.streams or len(asked.jobs) > 1):
        field = "count" if not asked.streams else "stream" if asked.jobs[0].preview.every else "progress"
        raise BadRequest(message("accept.png", field))
    return _Asked(asked, as_png)


async def _read(request: web.Request, holding: Holding) -> Parsed:
    """What the body says. The body itself is gone then: a large picture in it waits for its turn to be looked at."""
    body = await read_body(request, holding)
    if len(body) < _LARGE:
        return _parsed(body)
    return await request.app[GATEWAY].apart(lambda: _parsed(body), client_of(request))


def _parsed(body: bytes) -> Parsed:
    return parse(read_json(body))

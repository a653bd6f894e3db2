"""A body that is one object of JSON, read within its bounds; a large one in a thread, clients in turn."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from ...asking.json_body import read_json
from ...fairness.allowance import Holding
from ..gateway.keys import GATEWAY
from ..http.body import read_body
from ..http.security import client_of


async def read_object(request: web.Request, holding: Holding) -> dict[str, Any]:
    """The body's object, whatever its type is said to be; none is an empty one. Raises as `read_body` does, and
    BadRequest."""
    body = await read_body(request, holding)
    if not body.strip():
        return {}
    return await request.app[GATEWAY].read(body, read_json, client_of(request))

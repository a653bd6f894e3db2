"""`GET /presets`: the styles that a request may name."""

from __future__ import annotations

import asyncio

from aiohttp import web

from ..gateway.keys import GATEWAY
from ..http.encoding import body_from


async def presets(request: web.Request) -> web.Response:
    """Each preset with what it sets, the owner's before those that ship."""
    presets = await asyncio.to_thread(request.app[GATEWAY].presets.listed)
    return web.Response(body=body_from({"presets": presets}), content_type="application/json")

"""`GET /pictures/{name}`: a stored picture, for whoever knows its name."""

from __future__ import annotations

import asyncio

from aiohttp import web

from ..gateway.keys import GATEWAY
from ..gateway.storage import MEDIA_TYPES


async def picture(request: web.Request) -> web.StreamResponse:
    """The file, or the part of it that a Range header asks for."""
    kept = await asyncio.to_thread(request.app[GATEWAY].stored.find, request.match_info["name"])
    if kept is None:
        raise web.HTTPNotFound
    headers = {"Content-Type": MEDIA_TYPES[kept.path.suffix[1:]], "Cache-Control": "private, max-age=3600, immutable"}
    return web.FileResponse(kept.path, headers=headers | {"Cross-Origin-Resource-Policy": "cross-origin"})

"""`GET /pictures/{name}`: a stored picture, for whoever knows its name."""

from __future__ import annotations

import asyncio

from aiohttp import web

from ..gateway.keys import GATEWAY
from ..gateway.storage import MEDIA_TYPES, StoredPicture
from ..orders.connection import LASTING


async def picture(request: web.Request) -> web.StreamResponse:
    """The file, or the part of it that a Range header asks for."""
    stored = await asyncio.to_thread(_find, request.app, request.match_info["name"])
    if stored is None:
        raise web.HTTPNotFound
    headers = {"Content-Type": MEDIA_TYPES[stored.path.suffix[1:]], "Cache-Control": "private, max-age=3600, immutable"}
    return web.FileResponse(stored.path, headers=headers | {"Cross-Origin-Resource-Policy": "cross-origin"})


def _find(app: web.Application, name: str) -> StoredPicture | None:
    """Among those that were asked for by URL, and those of orders that last."""
    lasting = app[LASTING].opened
    return app[GATEWAY].stored.find(name) or (None if lasting is None else lasting.pictures.find(name))

"""`GET /v1/models`: what there is, under its own names and under those that stand for it."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from ...words.entry import Entry
from ..gateway.keys import GATEWAY
from ..http.encoding import body_from


async def models(request: web.Request) -> web.Response:
    """Every model, and every alias that leads to one."""
    gateway = request.app[GATEWAY]
    named = {entry.name: entry for entry in await gateway.entries() if entry.generates}
    named |= await gateway.aliases()
    listed = [model_from_entry(name, entry) for name, entry in named.items()]
    return web.Response(body=body_from({"object": "list", "data": listed}), content_type="application/json")


async def model(request: web.Request) -> web.Response:
    """One of them, by any name that a request could use. Raises ModelNotFound."""
    name = request.match_info["name"]
    entry = await request.app[GATEWAY].choose(name)
    return web.Response(body=body_from(model_from_entry(name, entry)), content_type="application/json")


def model_from_entry(name: str, entry: Entry) -> dict[str, Any]:
    """A model as OpenAI's clients know it; by its owner one tells where it is, if only another server has
    it."""
    return {
        "id": name,
        "object": "model",
        "created": int(entry.modified),
        "owned_by": entry.place or "imagine",
        "root": entry.name,
    }

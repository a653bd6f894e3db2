"""`GET /presets`: the styles that a request may name."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from aiohttp import web

from ..presets import Preset
from .keys import GATEWAY
from .native import body_from


async def presets(request: web.Request) -> web.Response:
    """Each preset with what it sets, the owner's before those that ship."""
    known = request.app[GATEWAY].presets
    found, shipped = await asyncio.to_thread(lambda: (known.all(), known.shipped()))
    told = [told_from_preset(preset, shipped=preset in shipped) for preset in found.values()]
    return web.Response(body=body_from({"presets": told}), content_type="application/json")


def told_from_preset(preset: Preset, *, shipped: bool) -> dict[str, Any]:
    """A preset as clients see it: what it doesn't set isn't there."""
    said: dict[str, Any] = msgspec.to_builtins(preset)
    return said | {"shipped": shipped}

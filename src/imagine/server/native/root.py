"""`/`: the page for a browser, one plain line for others; at a further address, the line that Ollama's clients want."""

from __future__ import annotations

from aiohttp import web

from ...settings.settings import Settings
from ..gateway.keys import GATEWAY
from . import page

_AS_OLLAMA = "Ollama is running"


async def root(request: web.Request) -> web.StreamResponse:
    """Who asks without being a browser wants to know whether the server that it was written for is there."""
    if "text/html" not in request.headers.get("Accept", "") and _is_second(request, request.app[GATEWAY].settings):
        return web.Response(text=_AS_OLLAMA)
    return await page.page(request)


def _is_second(request: web.Request, settings: Settings) -> bool:
    """Did it come to an address of `--listen`?"""
    own = request.transport.get_extra_info("sockname") if request.transport else None
    port = own[1] if isinstance(own, tuple) else None
    return port != settings.port and any(port == place.port for place in settings.listen)

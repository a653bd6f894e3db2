"""`/`: the page for a browser, one plain line for others; at an address that another program's clients look for it at,
what those expect."""

from __future__ import annotations

from aiohttp import web

from ...settings.values import ListenAddress
from ..gateway.keys import GATEWAY
from ..http.dialect import SPOKEN, Dialect
from . import page

_ELSE = "ollama"
"""Whose programs are meant at a further address that says nothing of whom it is for."""


async def root(request: web.Request) -> web.StreamResponse:
    """Who asks without being a browser wants to know whether the server that it was written for is there."""
    if "text/html" not in request.headers.get("Accept", "") and (dialect := _looked_for(request)):
        answer = dialect.root
        if answer is not None:
            return await answer(request)
    return await page.page(request)


def _looked_for(request: web.Request) -> Dialect | None:
    """Whose programs look for a server where it came to: as the owner says of that address, else as its port does."""
    own = request.transport.get_extra_info("sockname") if request.transport else None
    if not isinstance(own, tuple):
        return None
    spoken, settings = request.app[SPOKEN], request.app[GATEWAY].settings
    by_port = next((each for each in spoken if own[1] in each.ports), None)
    further: ListenAddress | None = next((place for place in settings.listen if place.port == own[1]), None)
    if further is None or own[1] == settings.port or (by_port is not None and not further.dialect):
        return by_port
    name = further.dialect or _ELSE
    return next((each for each in spoken if each.name.lower() == name), None)

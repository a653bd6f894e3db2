"""`GET /wildcards`: the lists that a prompt may take a word of."""

from __future__ import annotations

import asyncio

from aiohttp import web

from ...files.word_lists import WordLists
from ..gateway.keys import GATEWAY
from ..http.encoding import body_from


async def wildcards(request: web.Request) -> web.Response:
    """Their names, without their lines; none where no folder of lists is named."""
    folder = request.app[GATEWAY].settings.wildcards
    names = [] if folder is None else await asyncio.to_thread(lambda: list(WordLists(folder).names()))
    return web.Response(body=body_from({"wildcards": names}), content_type="application/json")

"""`POST /inspect`: where a picture says it comes from, and whether that holds. The file is read, and not kept."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from ...messages import Language, sentence
from ...pictures.looking.inspection import Inspection, summary
from ..gateway.keys import GATEWAY
from ..http.body import read_body
from ..http.context import LANGUAGE
from ..http.encoding import body_from
from ..http.security import client_of


async def inspect(request: web.Request) -> web.Response:
    """What it says, by the process that looks at pictures, and a sentence on what that comes to."""
    gateway = request.app[GATEWAY]
    with gateway.allowance.holding() as holding:
        body = await read_body(request, holding)
        roots = await gateway.signing.roots()
        result = await gateway.decoder.inspect(body, "file", client_of(request), roots)
    return web.Response(body=body_from(_answer(result, LANGUAGE.get())), content_type="application/json")


def _answer(inspection: Inspection, language: Language) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(inspection)
    return {"summary": sentence(summary(inspection), language), **told}

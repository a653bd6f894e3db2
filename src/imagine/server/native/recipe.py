"""`POST /recipe`: what a picture, or a saved JSON, says of how it was made. The file is read, and not kept."""

from __future__ import annotations

from aiohttp import web

from ...messages import message
from ...pictures.metadata import Recipe, read_metadata
from ...words.errors import BadRequest
from ..gateway.keys import GATEWAY
from ..http.body import read_body
from ..http.context import LANGUAGE
from ..http.encoding import body_from
from ..http.security import client_of
from .replies import recipe_answer


async def recipe(request: web.Request) -> web.Response:
    """Its `meta` as a request would say it, and warnings on what was said there and is not here."""
    gateway = request.app[GATEWAY]
    with gateway.allowance.holding() as holding:
        body = await read_body(request, holding)
        result = await gateway.apart(lambda: _read(body), client_of(request))
    return web.Response(body=body_from(recipe_answer(result, LANGUAGE.get())), content_type="application/json")


def _read(body: bytes) -> Recipe:
    metadata = read_metadata(body)
    if metadata is None:
        raise BadRequest(message("recipe.none", "file"))
    return metadata

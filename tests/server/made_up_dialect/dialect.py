"""Its one value, which the server's list takes: `POST /brush/paint` with `{"words": …, "rounds": …}`."""

import base64
import re

from aiohttp import web

from imagine.asking.json_body import read_json
from imagine.asking.request import parse
from imagine.messages import message, sentence
from imagine.server.gateway.keys import GATEWAY
from imagine.server.http.body import read_body
from imagine.server.http.dialect import Absent, Dialect, Route
from imagine.server.http.encoding import body_from
from imagine.server.orders.connection import pictures_of, place

NAMES = {"words": "prompt", "rounds": "num_steps", "number": "seed"}
CALLED = {ours: theirs for theirs, ours in NAMES.items()}


async def paint(request):
    """A picture."""
    gateway = request.app[GATEWAY]
    with gateway.allowance.holding() as holding:
        parsed = parse(read_json(await read_body(request, holding)), NAMES)
        order = await place(request, parsed.request, holding)
    ((finished, *_),) = await pictures_of(request, order)
    return answer({"painted": base64.b64encode(finished.data).decode(), "number": str(finished.meta["seed"])})


def refused(_, trouble):
    """Nothing painted, and why."""
    why = sentence(trouble.note, called=CALLED)
    return answer({"painted": None, "why": why, "status": trouble.status}, trouble.status, trouble.headers)


def answer(value, status=200, headers=None):
    return web.Response(body=body_from(value), status=status, headers=headers, content_type="application/json")


def schemas(_):
    return {"BrushStroke": {"type": "object", "properties": {"words": {"type": "string"}}, "required": ["words"]}}


def described(_, operation):
    body = {"application/json": {"schema": {"$ref": "#/components/schemas/BrushStroke"}}}
    return operation | {"requestBody": {"required": True, "content": body}}


BRUSH = Dialect(
    "Brush",
    prefixes=("/brush/",),
    routes=(Route("POST", "/brush/paint", paint, "Paint.", orders=True),),
    error=refused,
    schemas=schemas,
    described=described,
    spellings=((re.compile("^/paint$"), "/brush/paint"),),
    absent=(Absent("POST", "/brush/sculpt", 404, message("absent", instead="POST /brush/paint")),),
)

"""`POST /generate`: a picture, or several, as JSON, as a PNG, or line by line while they are made.

`POST /jobs` takes the same, and answers with the order's id instead of waiting for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from aiohttp import web

from ...asking.json_body import read_json
from ...asking.request import GenerateRequest, Parsed, parse
from ...fairness.allowance import Holding
from ...messages import message
from ...words.errors import BadRequest
from ...words.keys import Priority
from ..gateway.keys import GATEWAY
from ..http.addresses import base_url
from ..http.body import read_body
from ..http.context import CALLED
from ..http.security import client_of
from ..orders.connection import place, place_lasting
from ..orders.order import Order
from .answers import answer, wants_png
from .streaming import stream
from .urgency import lowered, priority_from

if TYPE_CHECKING:
    from ..lasting.rows import Webhook

_DETACH, _WEBHOOK, _EVENTS, _PRIORITY = "detach", "webhook", "webhook_events", "priority"
_ASYNC = "respond-async"


class GenerateBody(NamedTuple):
    """What a body says."""

    parsed: Parsed
    detach: bool
    """Is the id of the order to be the answer?"""
    webhook: tuple[object, object] | None = None
    """Whom to tell, and of what, where it says either."""
    priority: Priority | None = None


async def generate(request: web.Request) -> web.StreamResponse:
    """Makes what is asked for; a client that hangs up takes it back, unless it is detached."""
    preferred = _prefers_async(request)
    order, detached = await _order_of(request, detach=preferred)
    if detached:
        from .detached import accepted

        return await accepted(request, order, preferred=preferred)
    if order.streams:
        return await stream(request, order)
    return await answer(request, order, as_png=wants_png(request))


async def create(request: web.Request) -> web.Response:
    """Takes an order in that is made whether anybody waits for it or not."""
    from .detached import accepted  # who never asks so never pays for it

    order, _ = await _order_of(request, detach=True)
    return await accepted(request, order)


async def _order_of(request: web.Request, *, detach: bool) -> tuple[Order, bool]:
    """The order of what is asked for, and whether nobody waits for it. Its pictures are forgotten on the way: a photo
    takes long to denoise."""
    with request.app[GATEWAY].allowance.holding() as holding:
        asked = await _read(request, holding)
        warnings = [*asked.parsed.warnings, *lowered(request, asked.priority)]
        if detach or asked.detach:
            return await place_lasting(
                request, asked.parsed.request, holding, warnings=tuple(warnings),
                webhook=_webhook(request, asked), priority=asked.priority,
            ), True  # fmt: skip
        if asked.webhook is not None:
            raise BadRequest(message("webhook.attached", _WEBHOOK))
        if wants_png(request):
            _check_png(asked.parsed.request)
        order = await place(request, asked.parsed.request, holding, priority=asked.priority)
    order.warnings[:0] = warnings
    return order, False


def _prefers_async(request: web.Request) -> bool:
    """Does it prefer not to wait (RFC 7240)?"""
    said = ",".join(request.headers.getall("Prefer", []))
    return any(each.partition(";")[0].strip().lower() == _ASYNC for each in said.split(","))


def _check_png(parsed: GenerateRequest) -> None:
    """Raises BadRequest where one PNG can't hold what is asked for."""
    several = "count" if (parsed.count or 1) > 1 else None
    if field := "stream" if parsed.stream else "progress" if parsed.progress else several:
        raise BadRequest(message("accept.png", field))


async def _read(request: web.Request, holding: Holding) -> GenerateBody:
    """What the body says. The body itself is gone then: a large picture in it waits for its turn to be looked at."""
    body = await read_body(request, holding)
    asked = await request.app[GATEWAY].read(body, _parsed, client_of(request))
    CALLED.set(asked.parsed.called)
    return asked


def _parsed(body: bytes) -> GenerateBody:
    values = read_json(body)
    if values.get("prompt") is None and isinstance(values.get("meta"), dict):  # a whole answer, or a saved JSON
        raise BadRequest(message("prompt.in_meta", "prompt"), reason="missing")
    detach = values.pop(_DETACH, None)
    if not isinstance(detach, bool | None):
        raise BadRequest(message("detach.form", _DETACH))
    url, events = values.pop(_WEBHOOK, None), values.pop(_EVENTS, None)
    webhook = None if url is None and events is None else (url, events)
    priority = priority_from(values.pop(_PRIORITY, None))
    return GenerateBody(parse(values), bool(detach), webhook, priority)


def _webhook(request: web.Request, asked: GenerateBody) -> Webhook | None:
    """Whom it wants told. Raises BadRequest, Unsupported."""
    if asked.webhook is None:
        return None
    from .webhook import wished

    settings = request.app[GATEWAY].settings
    return wished(*asked.webhook, settings, base_url(request, settings.public_url))

"""`/v1/images/*`: the requests of OpenAI's clients, answered."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from aiohttp import web

from ...asking.json_body import read_json
from ...asking.resolve import NUM_STEPS, SIDE
from ...dispatch.worker import error_from_failed
from ...fairness.allowance import Holding
from ...families.table import facts_of
from ...messages import Message, Names, sentences
from ...words.beside import attends, attends_to_squares
from ...words.errors import ImagineError
from ...words.events import Failed, Finished, Preview, Progress
from ..gateway.gateway import Gateway
from ..gateway.keys import GATEWAY
from ..http.addresses import picture_url
from ..http.body import read_body
from ..http.context import CALLED
from ..http.encoding import body_from
from ..http.errors import trouble_from
from ..http.security import client_of
from ..orders.connection import pictures_of, place, send_events
from ..orders.encode import encoded
from ..orders.event_log import OrderEvent
from ..orders.order import Order
from ..orders.output import Output
from ..orders.painted import Painted
from .errors import OF_DALL_E, error_from
from .fields import EDIT, GENERATION, VARIATION, Endpoint
from .pictures import with_pictures
from .replies import completed_from, error_event, item_from_bytes, partial_from, reply_from, sse_from
from .requests import Delivery, ImagesRequest, images_request_from, preset_named, with_deployment
from .tables import Usual

_EVENTS = "text/event-stream"


class PlacedOrder(NamedTuple):
    """What is to be made and how it is to come. The pictures that came with it are forgotten: they take memory long."""

    order: Order
    delivery: Delivery
    warnings: list[Message]
    called: Names


async def generations(request: web.Request) -> web.StreamResponse:
    """Pictures from a prompt."""
    return await _answer(request, GENERATION)


async def edits(request: web.Request) -> web.StreamResponse:
    """Pictures from a picture and a prompt."""
    return await _answer(request, EDIT)


async def variations(request: web.Request) -> web.StreamResponse:
    """Pictures that are like a picture."""
    return await _answer(request, VARIATION)


async def _answer(request: web.Request, kind: Endpoint) -> web.StreamResponse:
    placed = await _placed(request, kind)
    if placed.delivery.stream:
        return await _stream(request, placed)
    pictures = await pictures_of(request, placed.order)
    finished = [picture.finished for picture in pictures]
    told = [*placed.order.warnings, *placed.order.told_left_out]
    notes = [*placed.warnings, *told, *(text for each in finished for text in each.warnings)]
    items = [_item(request, picture, placed.delivery) for picture in pictures]
    warnings = sentences(notes, called=placed.called)
    reply = reply_from(finished, items, placed.delivery, warnings, int(time.time()))
    return web.Response(body=body_from(reply), content_type="application/json")


async def _placed(request: web.Request, kind: Endpoint) -> PlacedOrder:
    """What the request asks for."""
    gateway = request.app[GATEWAY]
    with gateway.allowance.holding() as holding:
        body, notes = with_deployment(await _read(request, holding), request.match_info.get("deployment"))
        translated = images_request_from(body, kind, await usual_of(gateway, body))
        del body
        placed = await place_images(request, translated, holding, translated.delivery.output)
    placed.warnings[:0] = notes
    return placed


async def place_images(
    request: web.Request, translated: ImagesRequest, holding: Holding, output: Output
) -> PlacedOrder:
    """The order of what is asked for, its pictures checked and prepared as this dialect means them."""
    CALLED.set(translated.spelled)
    OF_DALL_E.set((translated.request.model or "").startswith("dall-e"))
    look = partial(request.app[GATEWAY].look, client_of(request))
    ready, added = await with_pictures(translated, look)
    order = await place(request, ready, holding, output, filled=translated.filled)
    return PlacedOrder(order, translated.delivery, [*translated.warnings, *added], translated.spelled)


async def _read(request: web.Request, holding: Holding) -> dict[str, Any]:
    """The body's fields: of a form where it says to be one, else of JSON, whatever it says to be."""
    body = await read_body(request, holding)
    content_type = request.headers.get("Content-Type", "")
    is_form = content_type.lower().startswith("multipart/form-data")

    def fields(body: bytes) -> dict[str, Any]:
        if not is_form:
            return read_json(body)
        from .forms import fields_from_form  # a server starts sooner without it

        return fields_from_form(body, content_type)

    return await request.app[GATEWAY].read(body, fields, client_of(request))


async def usual_of(gateway: Gateway, body: Mapping[str, object]) -> Usual:
    """What the model and the preset do by themselves. That one of them isn't there is for the plan to say."""
    preset, model = preset_named(body), body.get("model")
    style = None
    with contextlib.suppress(ImagineError):
        style = await asyncio.to_thread(gateway.presets.find, preset) if preset else None
    name = model if isinstance(model, str) and model else style.model if style else None
    side, steps, family, sees = SIDE, gateway.settings.defaults.num_steps, "", False
    with contextlib.suppress(ImagineError):
        entry = await gateway.choose(name)
        side, steps, family = entry.resolution or SIDE, gateway.defaults_of(entry).num_steps, entry.family
        sees = attends(entry) and not attends_to_squares(entry)
    return Usual(side, (style.num_steps if style else None) or steps or NUM_STEPS, facts_of(family).multiple, sees)


def _item(request: web.Request, picture: Painted, delivery: Delivery) -> dict[str, str]:
    """Where a picture is to be found: at an address of ours, in the answer itself, or both."""
    item = item_from_bytes(picture.finished.data) if delivery.inline else {}
    if not picture.stored:
        return item
    return {"url": picture_url(request, picture.stored, request.app[GATEWAY].settings.public_url)} | item


async def _stream(request: web.Request, placed: PlacedOrder) -> web.StreamResponse:
    def last(error: Exception) -> bytes:
        return sse_from(error_event(error_from(trouble_from(error))))

    return await send_events(request, placed.order, _teller(request.app[GATEWAY], placed), last, media_type=_EVENTS)


def _teller(gateway: Gateway, placed: PlacedOrder) -> Callable[[OrderEvent], Awaitable[bytes | None]]:
    """What is sent of each event: pictures, and between them a comment, so that nobody takes silence for the end."""
    sent = [0] * len(placed.order.pictures)
    delivery, done = placed.delivery, set[int]()

    def ended(index: int, line: bytes) -> bytes:
        """The last of a picture; behind that of the last one, what was left out, since programs read no further."""
        done.add(index)
        left_out = list(placed.order.left_out.values()) if len(done) == len(sent) else []
        errors = [error_event(error_from(trouble_from(error_from_failed(each)))) for each in left_out[:1]]
        return line + b"".join(map(sse_from, errors))

    async def tell(event: OrderEvent) -> bytes | None:
        index, report = event.index, event.report
        which = {"index": index} if len(sent) > 1 else {}
        now = int(time.time())
        match report:
            case Preview() if sent[index] < delivery.partial_images:
                data = await encoded(gateway, report.data, delivery.output)
                sent[index] += 1
                return sse_from(partial_from(data, report.data, delivery, sent[index] - 1, now) | which)
            case Finished():
                notes = [*placed.warnings, *placed.order.warnings, *report.warnings]
                warnings = sentences(notes, called=placed.called)
                return ended(index, sse_from(completed_from(report, delivery, warnings, now) | which))
            case Failed():
                return ended(index, b"") or None
            case Progress():
                return f": step {report.step} of {report.steps}\n\n".encode()
        return None

    return tell

"""`/v1/images/*`: the requests of OpenAI's clients, answered."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import msgspec
from aiohttp import web

from ...asking.json_body import read_json
from ...asking.resolve import NUM_STEPS, SIDE
from ...families.table import facts_of
from ...messages import Note, message
from ...words.errors import ImagineError
from ...words.events import Finished, Preview, Progress
from ...words.frames import JobReport, Submit
from ..gateway.gateway import Gateway
from ..gateway.keys import GATEWAY
from ..http.addresses import picture_url
from ..http.body import Holding, read_body
from ..http.encoding import body_from
from ..http.errors import trouble_from
from ..http.security import client_of
from ..orders.service import pictures_of, plan
from ..orders.streaming import send_events
from .errors import error_from
from .fields import EDIT, GENERATION, VARIATION, Kind
from .pictures import with_pictures
from .replies import (
    EXTENSIONS,
    completed_from,
    encoded,
    error_event,
    item_from_bytes,
    partial_from,
    preview_every,
    reply_from,
    sse_from,
)
from .requests import Delivery, in_their_words, preset_named, speaking, translate, wish_from, with_deployment
from .tables import Usual

_LARGE = 2**16
_EVENTS = "text/event-stream"


class _Asked(NamedTuple):
    """What is to be made and how it is to come. The pictures that came with it are forgotten: they take memory long."""

    jobs: list[Submit]
    delivery: Delivery
    warnings: list[Note]
    called: dict[str, str]


async def generations(request: web.Request) -> web.StreamResponse:
    """Pictures from a prompt."""
    return await _answer(request, GENERATION)


async def edits(request: web.Request) -> web.StreamResponse:
    """Pictures from a picture and a prompt."""
    return await _answer(request, EDIT)


async def variations(request: web.Request) -> web.StreamResponse:
    """Pictures that are like a picture."""
    return await _answer(request, VARIATION)


async def _answer(request: web.Request, kind: Kind) -> web.StreamResponse:
    gateway = request.app[GATEWAY]
    with gateway.allowance.holding() as holding:
        asked = await _asked(request, kind, holding)
        with speaking(asked.called):
            if asked.delivery.stream:
                return await _stream(request, asked)
            finished = await pictures_of(gateway, asked.jobs)
    notes = [*asked.warnings, *(text for each in finished for text in each.warnings)]
    items = [await _item(request, each, asked.delivery, notes) for each in finished]
    warnings = _in_their_words(notes, asked)
    reply = reply_from(finished, items, asked.delivery, warnings, int(time.time()))
    return web.Response(body=body_from(reply), content_type="application/json")


async def _asked(request: web.Request, kind: Kind, holding: Holding) -> _Asked:
    """What the request asks for."""
    gateway = request.app[GATEWAY]
    body, notes = with_deployment(await _read(request, holding), request.match_info.get("deployment"))
    wish = wish_from(body, kind, await _usual(gateway, body))
    del body
    with speaking(wish.spelled):
        largest = gateway.settings.ref_image_max_size
        ready, said = await with_pictures(wish, largest, partial(gateway.look, client_of(request)))
        asked = await plan(gateway, ready, client_of(request), holding)
    jobs = [_with_previews(job, wish.delivery.partial_images) for job in asked.jobs]
    return _Asked(jobs, wish.delivery, [*notes, *wish.warnings, *said, *asked.warnings], wish.spelled)


async def _read(request: web.Request, holding: Holding) -> dict[str, Any]:
    """The body's fields: of a form where it says to be one, else of JSON, whatever it says to be."""
    body = await read_body(request, holding)
    content_type = request.headers.get("Content-Type", "")
    is_form = content_type.lower().startswith("multipart/form-data")

    def fields() -> dict[str, Any]:
        if not is_form:
            return read_json(body)
        from .forms import fields_from_form  # a server starts sooner without it

        return fields_from_form(body, content_type)

    return fields() if len(body) < _LARGE else await request.app[GATEWAY].apart(fields, client_of(request))


async def _usual(gateway: Gateway, body: Mapping[str, object]) -> Usual:
    """What the model and the preset do by themselves. That one of them isn't there is for the plan to say."""
    preset, model = preset_named(body), body.get("model")
    style = None
    with contextlib.suppress(ImagineError):
        style = await asyncio.to_thread(gateway.presets.find, preset) if preset else None
    name = model if isinstance(model, str) and model else style.model if style else None
    side, steps, family = SIDE, gateway.settings.defaults.num_steps, ""
    with contextlib.suppress(ImagineError):
        entry = await gateway.choose(name)
        side, steps, family = entry.resolution or SIDE, gateway.defaults_of(entry).num_steps, entry.family
    return Usual(side, (style.num_steps if style else None) or steps or NUM_STEPS, facts_of(family).multiple)


def _with_previews(job: Submit, partial_images: int) -> Submit:
    every = preview_every(job.params, partial_images)
    return msgspec.structs.replace(job, preview=msgspec.structs.replace(job.preview, every=every))


async def _item(request: web.Request, finished: Finished, delivery: Delivery, notes: list[Note]) -> dict[str, str]:
    """Where a picture is to be found: at an address of ours, in the answer itself, or both.

    Where it is in the answer anyway, that it can't be kept is only a note.
    """
    gateway = request.app[GATEWAY]
    data = await _encoded(gateway, finished.data, delivery, finished.meta)
    item = item_from_bytes(data) if delivery.inline else {}
    if not delivery.url:
        return item
    try:
        name = await gateway.stored.keep(data, EXTENSIONS.get(delivery.format, delivery.format))
    except ImagineError as error:
        if not delivery.inline:
            raise
        notes.append(message("url.not_kept", "url", why=str(error)))
        return item
    return {"url": picture_url(request, name, gateway.settings.public_url)} | item


async def _encoded(gateway: Gateway, data: bytes, delivery: Delivery, meta: dict[str, Any] | None = None) -> bytes:
    if delivery.format == "png":
        return data
    return await gateway.apart(lambda: encoded(data, delivery, meta))


async def _stream(request: web.Request, asked: _Asked) -> web.StreamResponse:
    def last(error: Exception) -> bytes:
        translate(error, asked.called)
        return sse_from(error_event(error_from(trouble_from(error))))

    return await send_events(request, asked.jobs, _teller(request.app[GATEWAY], asked), last, media_type=_EVENTS)


def _teller(gateway: Gateway, asked: _Asked) -> Callable[[int, JobReport], Awaitable[bytes | None]]:
    """What is sent of each event: pictures, and between them a comment, so that nobody takes silence for the end."""
    sent = [0] * len(asked.jobs)
    delivery = asked.delivery

    async def tell(index: int, event: JobReport) -> bytes | None:
        which = {"index": index} if len(asked.jobs) > 1 else {}
        now = int(time.time())
        match event:
            case Preview() if sent[index] < delivery.partial_images:
                data = await _encoded(gateway, event.data, delivery)
                sent[index] += 1
                return sse_from(partial_from(data, event.data, delivery, sent[index] - 1, now) | which)
            case Finished():
                data = await _encoded(gateway, event.data, delivery, event.meta)
                warnings = _in_their_words([*asked.warnings, *event.warnings], asked)
                return sse_from(completed_from(data, event, delivery, warnings, now) | which)
            case Progress():
                return f": step {event.step} of {event.steps}\n\n".encode()
        return None

    return tell


def _in_their_words(warnings: list[Note], asked: _Asked) -> list[Note]:
    return list(dict.fromkeys(in_their_words(text, asked.called) for text in warnings))

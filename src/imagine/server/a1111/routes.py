"""`/sdapi/v1/txt2img` and `img2img`: the requests of that program's clients, answered."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import msgspec
from aiohttp import web

from ...asking.presets import expanded
from ...asking.resolve import kind_of
from ...fairness.allowance import Holding, size_of
from ...messages import Message, message
from ...registry.composition import VAE
from ...words.control_units import model_called
from ...words.errors import Cancelled, ImagineError
from ..gateway.gateway import Gateway
from ..gateway.keys import GATEWAY
from ..http.context import CALLED
from ..http.encoding import body_from
from ..http.security import client_of
from ..orders.bodies import read_object
from ..orders.connection import ORDERS, place
from ..orders.order import Order
from .fields import EMPTY, MAX_STYLES, USUAL
from .pictures import with_mask_read
from .replies import painted_answer, parameters_from, warned
from .requests import CHECKPOINT, NOTHING_USUAL, WebUIDelivery, WebUIRequest, WebUIUsual, webui_request_from
from .running import CLIENTS, Running, WebUIClient


class _PlacedPictures(NamedTuple):
    """An order on its way, and what its answer tells beside the pictures."""

    order: Order
    delivery: WebUIDelivery
    warnings: list[Message]
    parameters: Mapping[str, Any]
    """What was asked, without what it came from unless that is wanted back."""


async def txt2img(request: web.Request) -> web.Response:
    """Pictures from a prompt."""
    return await _painted(request, shown=False)


async def img2img(request: web.Request) -> web.Response:
    """Pictures from a picture and a prompt."""
    return await _painted(request, shown=True)


def answered(value: object) -> web.Response:
    """`value` as JSON."""
    return web.Response(body=body_from(value), content_type="application/json")


async def _painted(request: web.Request, *, shown: bool) -> web.Response:
    client = request.app[CLIENTS].of(request)
    with request.app[GATEWAY].allowance.holding() as kept:
        placed = await _placed(request, client, kept, shown=shown)
        client.options.update(placed.delivery.kept)
        running = client.begin(placed.order, placed.delivery.task)
        try:
            await _attended(request, running)
        finally:
            client.running.remove(running)
        return answered(_answer(placed, running))


async def _placed(request: web.Request, client: WebUIClient, kept: Holding, *, shown: bool) -> _PlacedPictures:
    """What the request asks for. Its pictures are forgotten on the way, and what stays of it is `kept`: a photo takes
    long to denoise."""
    gateway = request.app[GATEWAY]
    with gateway.allowance.holding() as holding:
        body = await read_object(request, holding)
        usual = await _usual(gateway, body, client.options)
        asked = webui_request_from(body, usual, client.options, shown=shown)
        CALLED.set(asked.called)
        parameters = parameters_from(body, sources=asked.delivery.sources)
        del body
        kept.hold(size_of(parameters))
        styled = await asyncio.to_thread(_styled, gateway, asked)
        ready = await with_mask_read(asked._replace(request=styled), partial(gateway.look, client_of(request)))
        order = await place(request, ready, holding, asked.delivery.output, filled=asked.filled)
    return _PlacedPictures(order, asked.delivery, asked.warnings, parameters)


def _answer(placed: _PlacedPictures, running: Running) -> dict[str, Any]:
    """What there is of an order that has ended."""
    finished = [running.done[index] for index in sorted(running.done)]
    notes = [*placed.warnings, *placed.order.warnings, *placed.order.told_left_out]
    previews: list[bytes] = []
    if running.interrupted:
        notes.append(message("webui.interrupted", None, done=len(finished), count=running.count))
        previews = [running.preview.data] if running.preview is not None and not finished else []
    told = warned(notes, finished, CALLED.get())
    return painted_answer(placed.parameters, finished, previews, told, pictures=placed.delivery.pictures)


async def _attended(request: web.Request, running: Running) -> None:
    """Waits for an order; one that was interrupted ends with what there is. Raises what it failed with."""
    orders = request.app[ORDERS]
    with orders.attending(running.order):
        try:
            async with contextlib.aclosing(running.order.log.read()) as events:
                async for event in events:
                    running.take(event)
        except Cancelled:
            if not running.interrupted:
                raise


def _styled(gateway: Gateway, asked: WebUIRequest) -> Any:
    """The request with all presets but the last expanded, which is its own; what they keep out is kept out beside what
    the request does, as there. Raises BadRequest for one that isn't."""
    request, last = asked.request, asked.request.preset
    if last is None:
        return request
    presets = [gateway.presets.find(name) for name in (*asked.styles, last)]
    kept_out = [text for text in (request.neg, *(preset.neg for preset in presets)) if text]
    for preset in presets[:-1]:
        request = expanded(request, preset)
    of_the_last = kept_out == [presets[-1].neg] and not asked.request.neg
    neg = None if of_the_last else ", ".join(kept_out) if kept_out else asked.request.neg
    return msgspec.structs.replace(request, preset=last, neg=neg)


async def _usual(gateway: Gateway, body: Mapping[str, Any], options: Mapping[str, Any]) -> WebUIUsual:
    """What the model, the owner and the presets say for a request that doesn't. That one of them isn't there is for
    the plan to say."""
    fills = dict(USUAL)
    settings = body.get("override_settings")
    named = {**options, **settings}.get(CHECKPOINT) if isinstance(settings, Mapping) else options.get(CHECKPOINT)
    named = body.get("model") or named
    kind, steps = NOTHING_USUAL.kind, NOTHING_USUAL.steps
    styles = body.get("styles")
    for name in styles[:MAX_STYLES] if isinstance(styles, list) else []:
        with contextlib.suppress(ImagineError):
            preset = await asyncio.to_thread(gateway.presets.find, str(name))
            fills = {field: value for field, value in fills.items() if getattr(preset, field) is None}
    with contextlib.suppress(ImagineError):
        entry = await gateway.choose(model_called(named) if isinstance(named, str) and named not in EMPTY else None)
        kind, defaults = kind_of(entry), gateway.defaults_of(entry)
        steps = defaults.num_steps or steps
        fills = {field: value for field, value in fills.items() if getattr(defaults, field) is None}
    vaes = [entry.name for entry in await gateway.entries() if entry.kind == VAE]
    return WebUIUsual(kind, steps, fills, vaes)

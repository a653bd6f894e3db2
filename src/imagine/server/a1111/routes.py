"""`/sdapi/v1/txt2img` and `img2img`: the requests of that program's clients, answered."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from functools import partial
from typing import Any

import msgspec
from aiohttp import web

from ...asking.json_body import read_json
from ...asking.presets import expanded
from ...asking.resolve import kind_of
from ...fairness.allowance import Holding
from ...messages import message
from ...registry.composition import VAE
from ...words.control_units import model_called
from ...words.errors import Cancelled, ImagineError
from ..gateway.gateway import Gateway
from ..gateway.keys import GATEWAY
from ..http.body import read_body
from ..http.context import CALLED
from ..http.encoding import body_from
from ..http.security import client_of
from ..orders.connection import ORDERS, place
from .fields import EMPTY, USUAL
from .pictures import with_mask_read
from .replies import painted_answer, warned
from .requests import CHECKPOINT, NOTHING_USUAL, WebUIRequest, WebUIUsual, webui_request_from
from .running import CLIENTS, Running

_LARGE = 2**16
_SHOWN = ("init_images", "mask")


async def txt2img(request: web.Request) -> web.Response:
    """Pictures from a prompt."""
    return await _painted(request, shown=False)


async def img2img(request: web.Request) -> web.Response:
    """Pictures from a picture and a prompt."""
    return await _painted(request, shown=True)


async def read_object(request: web.Request, holding: Holding) -> dict[str, Any]:
    """The body's object, whatever its type is said to be; none is an empty one."""
    body = await read_body(request, holding)
    if not body.strip():
        return {}
    if len(body) < _LARGE:
        return read_json(body)
    return await request.app[GATEWAY].apart(lambda: read_json(body), client_of(request))


def answered(value: object) -> web.Response:
    """`value` as JSON."""
    return web.Response(body=body_from(value), content_type="application/json")


async def _painted(request: web.Request, *, shown: bool) -> web.Response:
    gateway, client = request.app[GATEWAY], request.app[CLIENTS].of(request)
    with gateway.allowance.holding() as holding:
        body = await read_object(request, holding)
        usual = await _usual(gateway, body, client.options)
        asked = webui_request_from(body, usual, client.options, shown=shown)
        CALLED.set(asked.called)
        styled = await asyncio.to_thread(_styled, gateway, asked)
        ready = await with_mask_read(asked._replace(request=styled), partial(gateway.look, client_of(request)))
        order = await place(request, ready, holding, asked.delivery.output, filled=asked.filled)
        said = body if asked.delivery.sources else {name: None if name in _SHOWN else body[name] for name in body}
        delivery, warnings = asked.delivery, asked.warnings
        del asked, styled, ready, body  # a photo takes long to denoise
    client.options.update(delivery.kept)
    running = client.begin(order, delivery.task)
    try:
        await _attended(request, running)
    finally:
        client.running.remove(running)
    finished = [running.done[index] for index in sorted(running.done)]
    notes = [*warnings, *order.warnings, *order.told_left_out]
    previews: list[bytes] = []
    if running.interrupted:
        notes.append(message("webui.interrupted", None, done=len(finished), count=running.count))
        previews = [running.preview.data] if running.preview is not None and not finished else []
    told = warned(notes, finished, CALLED.get())
    pictures, sources = delivery.pictures, delivery.sources
    return answered(painted_answer(said, finished, previews, told, pictures=pictures, sources=sources))


async def _attended(request: web.Request, running: Running) -> None:
    """Waits for an order; one that was interrupted ends with what there is. Raises what it failed with."""
    orders = request.app[ORDERS]
    with orders.attending(running.order):
        try:
            async with contextlib.aclosing(orders.events(running.order.id)) as events:
                async for event in events:
                    running.take(event)
        except Cancelled:
            if not running.interrupted:
                raise


def _styled(gateway: Gateway, asked: WebUIRequest) -> Any:
    """The request with all presets but the last expanded, which is its own. Raises BadRequest for one that isn't."""
    request, last = asked.request, asked.request.preset
    for name in asked.styles:
        request = expanded(request, gateway.presets.find(name))
    return msgspec.structs.replace(request, preset=last) if asked.styles else request


async def _usual(gateway: Gateway, body: Mapping[str, Any], options: Mapping[str, Any]) -> WebUIUsual:
    """What the model, the owner and the presets say for a request that doesn't. That one of them isn't there is for
    the plan to say."""
    fills = dict(USUAL)
    settings = body.get("override_settings")
    named = {**options, **settings}.get(CHECKPOINT) if isinstance(settings, Mapping) else options.get(CHECKPOINT)
    named = body.get("model") or named
    kind, steps = NOTHING_USUAL.kind, NOTHING_USUAL.steps
    styles = body.get("styles")
    for name in styles if isinstance(styles, list) else []:
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

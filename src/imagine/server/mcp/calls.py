"""What the tools do: they place orders as any dialect does, which go on alone where a call doesn't wait for the end."""

from __future__ import annotations

import asyncio
import contextlib
from base64 import b64encode
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import msgspec
from aiohttp import web

from ...asking.request import MAX_SIDE, MIN_SIDE
from ...fairness.allowance import Holding
from ...messages import message, sentences
from ...pictures.metadata import read_metadata
from ...words.errors import BadRequest, ImagineError
from ...words.events import Finished, Progress
from ..gateway.gateway import Gateway
from ..gateway.keys import GATEWAY
from ..http.context import CALLED
from ..http.errors import refused_by, trouble_from
from ..http.security import Refused
from ..orders.connection import LASTING, opened, own_lasting, place_lasting
from ..orders.order import Order
from ..orders.output import Output
from ..orders.painted import Painted
from .pictures import ADDRESS, MOST_BYTES, SmallPicture, shown_from
from .tools import MOST_WAIT, NAMED, SHOWN_SIDE, WAIT, checked_names, request_from, text_in, whole_in

ProgressTeller = Callable[[int, int, str], Awaitable[None]]
"""Told how many of how many steps are done, and a sentence."""
STRENGTH = 0.7
"""How much of a picture is painted anew where that isn't said."""


class ToolCall(NamedTuple):
    """A tool that is called."""

    request: web.Request
    said: dict[str, object]
    """Its arguments."""
    tell: ProgressTeller
    holding: Holding
    """What the message takes."""


async def draw(call: ToolCall) -> dict[str, Any]:
    """`generate_image` and `edit_image`: a client that hangs up meanwhile takes it back."""
    wait = whole_in(call.said, "wait_seconds", WAIT, 0, MOST_WAIT)
    order = await _placed(call)
    try:
        return await _waited(call.request, order, wait, SHOWN_SIDE, call.tell)
    except (asyncio.CancelledError, ConnectionError):
        with contextlib.suppress(ImagineError):  # a book that can't be written leaves it to be drawn
            if (row := await own_lasting(call.request, order.id)) is not None:
                await call.request.app[LASTING].open().cancel(row)
        raise


async def look(call: ToolCall) -> dict[str, Any]:
    """`get_image`: a kept picture, or those of a job."""
    request, said = call.request, call.said
    name, side = text_in(said, "id"), whole_in(said, "max_side", SHOWN_SIDE, MIN_SIDE, MAX_SIDE)
    wait = whole_in(said, "wait_seconds", WAIT, 0, MOST_WAIT)
    if name.startswith(ADDRESS):
        data = await whole(request.app[GATEWAY], name, "id")
        shown = await request.app[GATEWAY].apart(lambda: _kept(data, name.removeprefix(ADDRESS), side))
        return _result([shown], {}, [])
    if (row := await own_lasting(request, name)) is None:
        raise _unknown("id", name)
    return await _waited(request, await opened(request, row), wait, side, call.tell)


async def models(call: ToolCall) -> dict[str, Any]:
    """`list_models`."""
    gateway = call.request.app[GATEWAY]
    entries = [entry for entry in await gateway.entries() if entry.generates]
    presets = await asyncio.to_thread(gateway.presets.listed)
    drawing = [{"name": entry.name, "family": entry.family} for entry in entries]
    styles = [{"name": each["name"], "description": each.get("description") or ""} for each in presets]
    lines = [f"model {each['name']} ({each['family']})" for each in drawing]
    lines += [f"preset {each['name']}: {each['description']}" for each in styles]
    told = {"default": gateway.default_model(), "models": drawing, "presets": styles}
    return {"content": [_text("\n".join(lines) or "There are none.")], "structuredContent": told}


async def cancel(call: ToolCall) -> dict[str, Any]:
    """`cancel_job`."""
    name = text_in(call.said, "job")
    row = await own_lasting(call.request, name)
    if row is None or not await call.request.app[LASTING].open().cancel(row):
        raise _unknown("job", name)
    return {"content": [_text(f"The job {name} is cancelled.")], "structuredContent": {"cancelled": name}}


_CALLS = {"generate_image": draw, "edit_image": draw, "get_image": look, "list_models": models, "cancel_job": cancel}


async def call_tool(name: str, call: ToolCall) -> dict[str, Any] | None:
    """What a tool answers, what went wrong too, so that its model can do better; None where there is no such tool."""
    if name not in _CALLS:
        return None
    CALLED.set(NAMED)
    try:
        checked_names(name, call.said)
        if name == "edit_image":
            text_in(call.said, "image")
        return await _CALLS[name](call)
    except (ImagineError, Refused) as error:
        sentence = trouble_from(error).sentence(NAMED)
        refused = refused_by(error)
        return {"content": [_text(sentence)], "isError": True} | ({"structuredContent": refused} if refused else {})


async def whole(gateway: Gateway, address: str, field: str) -> bytes:
    """The bytes of a picture that is kept, by its address. Raises BadRequest where it isn't, or no longer."""
    stored = await asyncio.to_thread(gateway.stored.find, address.removeprefix(ADDRESS))
    with contextlib.suppress(FileNotFoundError):  # it may go just now
        if stored is not None and address.startswith(ADDRESS):
            return await asyncio.to_thread(stored.path.read_bytes)
    raise _unknown(field, address)


async def _placed(call: ToolCall) -> Order:
    """The order of what is asked for. Its pictures are forgotten on the way: a photo takes long to denoise."""
    request, gateway = call.request, call.request.app[GATEWAY]
    fields = dict(call.said)
    call.said.clear()
    for name in ("image", "mask"):
        if isinstance(value := fields.get(name), str) and value.startswith(ADDRESS):
            fields[name] = b64encode(await whole(gateway, value, name)).decode("ascii")
    parsed = request_from(fields)
    generate, filled = parsed.request, tuple[str, ...]()
    if generate.img is not None and generate.strength is None:
        generate, filled = msgspec.structs.replace(generate, strength=STRENGTH), ("strength",)
    CALLED.set({**NAMED, **parsed.called})
    return await place_lasting(
        request, generate, call.holding, Output(store="too"), filled=filled, warnings=tuple(parsed.warnings)
    )


async def _waited(request: web.Request, order: Order, wait: float, side: int, tell: ProgressTeller) -> dict[str, Any]:
    """What became of an order, or that it is still drawn. Raises what it failed with."""
    try:
        async with asyncio.timeout(wait) as limit:
            painted = await _painted(order, tell)
    except TimeoutError:
        if not limit.expired():
            raise
        said = f"Still drawing. get_image waits for the job {order.id}, cancel_job ends it."
        return {"content": [_text(said)], "structuredContent": {"job": order.id, "done": False}}
    most = MOST_BYTES // max(1, len(painted))

    def shown() -> list[SmallPicture]:
        return [
            shown_from(each.finished.data, each.stored, each.finished.meta, most_side=side, most_bytes=most)
            for each in painted
        ]

    pictures = await request.app[GATEWAY].apart(shown, order.client)
    notes = [*order.warnings, *order.told_left_out, *(note for each in painted for note in each.finished.warnings)]
    return _result(pictures, {"job": order.id, "done": True}, sentences(notes, called=CALLED.get()))


async def _painted(order: Order, tell: ProgressTeller) -> list[Painted]:
    """The pictures of an order in their order, once it has ended; its steps are told on the way, never fewer."""
    done: dict[int, Painted] = {}
    steps: dict[int, int] = {}
    told = 0
    async with contextlib.aclosing(order.log.read()) as events:
        async for event in events:
            match event.report:
                case Finished():
                    done[event.index] = Painted(event.report, event.stored)
                case Progress(step=step, steps=of):
                    steps[event.index] = step
                    total = of * len(order.pictures)
                    if (now := min(total, sum(steps.values()))) > told:
                        told = now
                        await tell(now, total, f"step {now} of {total} of the job {order.id}")
    return [done[index] for index in sorted(done)]


def _kept(data: bytes, stored: str, side: int) -> SmallPicture:
    try:
        recipe = read_metadata(data, field="id")
    except BadRequest:
        recipe = None
    return shown_from(data, stored, {} if recipe is None else recipe.meta, most_side=side)


def _result(pictures: list[SmallPicture], told: dict[str, Any], warnings: list[str]) -> dict[str, Any]:
    lines = [
        f"{each.width}×{each.height}, seed {each.meta.get('seed', '?')}, model {each.meta.get('model', '?')}, "
        + (f"whole at {ADDRESS}{each.stored}" if each.stored else "not kept")
        for each in pictures
    ]
    content = [_text("\n".join([*lines, *warnings])), *(part for each in pictures for part in each.content)]
    more = {"warnings": warnings} if warnings else {}
    return {"content": content, "structuredContent": told | {"pictures": [each.told for each in pictures]} | more}


def _text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


def _unknown(field: str, value: str) -> BadRequest:
    return BadRequest(message("mcp.unknown", field, value=value[:100]))

"""Pictures that are enlarged, read or looked at: `extra-…`, `png-info`, `interrogate`."""

from __future__ import annotations

import asyncio
import contextlib
from base64 import b64encode
from collections.abc import AsyncGenerator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from aiohttp import web

from ...asking.upscale import UpscaleRequest
from ...messages import Message, message, sentences
from ...pictures.foreign.infotext import infotext_from_meta, pairs_from_meta
from ...pictures.images import decode_base64
from ...pictures.metadata import read_metadata
from ...words.errors import AssistantFailed, BadPicture, BadRequest, Unsupported
from ..gateway.keys import GATEWAY
from ..http.context import CALLED, ORDER_ID
from ..http.encoding import body_from
from ..http.security import client_of
from ..orders.bodies import read_object
from ..orders.connection import ORDERS, asked_as, pictures_of, send_pieces
from ..orders.picture_check import with_pictures_checked
from ..orders.sign import sign_file
from ..orders.upscale import planned_upscale
from .enlarging import enlargement_from
from .replies import base64_of
from .routes import answered

_PIECE = 3 * 2**16
"""Bytes of a file that are read at a time: whole ones in base64 need no padding in between."""
MOST = 16
"""Pictures of one batch."""
_CALLED = {"img": "image", "scale": "upscaling_resize", "upscaler": "upscaler_1"}


async def single(request: web.Request) -> web.StreamResponse:
    """A picture, enlarged."""
    async with contextlib.AsyncExitStack() as stack:
        body = await read_object(request, stack.enter_context(request.app[GATEWAY].allowance.holding()))
        path, notes = await _enlarged(request, stack, _text(body, "image"), body)
        return await send_pieces(request, _whole(), _single(path, _html(notes)))


async def batch(request: web.Request) -> web.StreamResponse:
    """Several, one after the other."""
    async with contextlib.AsyncExitStack() as stack:
        body = await read_object(request, stack.enter_context(request.app[GATEWAY].allowance.holding()))
        listed = body.get("imageList")
        if not isinstance(listed, list) or not 1 <= len(listed) <= MOST:
            count = len(listed) if isinstance(listed, list) else 0
            raise BadRequest(message("pictures.count", "imageList", count=count, most=MOST))
        pictures = [_text(each if isinstance(each, Mapping) else {}, "data") for each in listed]
        paths, told = list[Path | str](), dict[Message, None]()
        for picture in pictures:
            path, notes = await _enlarged(request, stack, picture, body)
            paths.append(path)
            told |= dict.fromkeys(notes)
        return await send_pieces(request, _whole(), _several(paths, _html([*told])))


async def png_info(request: web.Request) -> web.Response:
    """What a picture says of how it was made."""
    gateway, client = request.app[GATEWAY], client_of(request)
    with gateway.allowance.holding() as holding:
        body = await read_object(request, holding)
        data, _ = await gateway.look(client, _text(body, "image"), "img")
        recipe = await gateway.apart(lambda: read_metadata(data, field="img"), client)
    if recipe is None or "prompt" not in recipe.meta:
        return answered({"info": "", "items": {}, "parameters": {}})
    meta = recipe.meta
    info = infotext_from_meta(meta)
    said = {"Prompt": str(meta["prompt"]), "Negative prompt": str(meta.get("neg") or "")}
    parameters = said | {name: str(value) for name, value in pairs_from_meta(meta).items() if value is not None}
    return answered({"info": info, "items": {"parameters": info}, "parameters": parameters})


async def interrogate(request: web.Request) -> web.Response:
    """What a picture shows, in the words of the assistant's model, whichever `model` is asked for."""
    gateway, client = request.app[GATEWAY], client_of(request)
    with gateway.allowance.holding() as holding:
        body = await read_object(request, holding)
        picture = _text(body, "image")
        if gateway.assistant is None:
            await asyncio.to_thread(decode_base64, picture, field="img")
            raise Unsupported(message("assist.absent"))
        from ...assistant.assistant import SIDE, WishedPicture
        from ...assistant.trouble import AssistantTrouble

        _, looked = await gateway.look(client, picture, "img", copy="shown", largest=SIDE)
        about = looked.result
        shown = WishedPicture(looked.copy, about.width, about.height, about.colours)
        try:
            seen = await gateway.assistant.describe(shown)
        except AssistantTrouble as trouble:
            raise AssistantFailed(trouble.note) from trouble
    return answered({"caption": seen.as_caption() or seen.in_words()})


async def _enlarged(
    request: web.Request, stack: contextlib.AsyncExitStack, picture: str, body: Mapping[str, Any]
) -> tuple[Path | str, list[Message]]:
    """The file of a picture that is enlarged, gone with the stack; the picture itself where nothing is to be done."""
    gateway, client = request.app[GATEWAY], client_of(request)
    CALLED.set(_CALLED)
    data, looked = await gateway.look(client, picture, "img")
    wanted = enlargement_from(body, (looked.result.width, looked.result.height))
    if wanted.upscaler is None:
        return base64_of(data), wanted.warnings
    path = await stack.enter_async_context(gateway.stored.passing())
    asked = UpscaleRequest(img=picture, upscaler=wanted.upscaler, scale=wanted.scale)
    with gateway.allowance.holding() as holding:
        plan = await planned_upscale(gateway, asked, client, holding, path)
        plan = await with_pictures_checked(gateway, plan, asked_as(request))
        order = await request.app[ORDERS].take_in(plan, client, holding, asked_as=asked_as(request))
    ORDER_ID.set(order.id)
    (painted,) = await pictures_of(request, order)
    notes = [*wanted.warnings, *order.warnings, *painted.finished.warnings]
    return path, [*notes, *await sign_file(gateway, path, plan.jobs[0])]


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        CALLED.set({"img": name})
        raise BadPicture(message("value.missing", "img", allowed=message("allowed.picture")))
    return value


def _html(notes: Sequence[Message]) -> str:
    return "".join(f"<p>{escape(text)}</p>" for text in sentences([*notes], called=_CALLED))


async def _single(path: Path | str, html: str) -> AsyncGenerator[bytes]:
    yield b'{"html_info":' + body_from(html) + b',"image":"'
    async for piece in _pieces(path):
        yield piece
    yield b'"}'


async def _several(paths: Sequence[Path | str], html: str) -> AsyncGenerator[bytes]:
    yield b'{"html_info":' + body_from(html) + b',"images":['
    for place, path in enumerate(paths):
        yield b',"' if place else b'"'
        async for piece in _pieces(path):
            yield piece
        yield b'"'
    yield b"]}"


async def _pieces(path: Path | str) -> AsyncGenerator[bytes]:
    """A picture in base64."""
    if isinstance(path, str):
        yield path.encode("ascii")
        return
    file = await asyncio.to_thread(path.open, "rb")
    try:
        while piece := await asyncio.to_thread(file.read, _PIECE):
            yield b64encode(piece)
    finally:
        await asyncio.to_thread(file.close)


def _whole() -> web.StreamResponse:
    response = web.StreamResponse(headers={"Cache-Control": "no-store"})
    response.content_type = "application/json"
    return response

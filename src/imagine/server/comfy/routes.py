"""`/prompt` and what follows: graphs taken, how far they are, what came of them, and taking them back."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from ...asking.checking import refusal
from ...asking.resolve import kind_of
from ...fairness.allowance import Holding
from ...families.table import facts_of
from ...messages import message, sentences
from ...words.errors import BadRequest
from ..gateway.keys import GATEWAY
from ..http.context import CALLED, ORDER_ID
from ..http.encoding import body_from
from ..orders.bodies import read_object
from ..orders.connection import ORDERS, asked_as
from ..orders.order import Order
from ..orders.output import Output
from .answers import GRAPH, GraphInHand
from .prompts import ComfyPrompt, history_of, outline_of
from .refusals import GraphRefused, RefusedAt
from .requests import ComfyRequest, ComfyUsual, SaidAt, comfy_request_from, model_of
from .room import ComfyRoom, owner_of, room_of
from .sources import pictures_named, with_pictures
from .ways import PaintedWay, way_of

MAX_GRAPH = 2**18
"""Bytes of a graph, as JSON: it is remembered."""
PREVIEWS = 8
"""Pictures on the way, for who asks for them."""
_PREVIEWS = ("auto", "latent2rgb", "taesd")
_OURS = "imagine"
_ID = re.compile(r"[\w-]{1,64}", re.ASCII)
_NOTHING: Mapping[str, Any] = {}


async def prompt(request: web.Request) -> web.Response:
    """Takes a graph; it goes on by itself."""
    room = room_of(request)
    with request.app[GATEWAY].allowance.holding() as holding:
        body = await read_object(request, holding)
        name, extra = _id_in(room, body), body.get("extra_data")
        extra = extra if isinstance(extra, Mapping) else _NOTHING
        way = way_of(body.get("prompt"))
        kept = body["prompt"]
        if len(body_from(kept)) > MAX_GRAPH:
            raise GraphRefused(message("comfy.large", "prompt", most=MAX_GRAPH), RefusedAt("invalid_prompt"))
        order, told = await _placed(request, room, way, extra, holding)
    ORDER_ID.set(order.id)
    sid = body.get("client_id")
    taken = ComfyPrompt(
        id=name, number=room.prompts.next_number(), owner=owner_of(request), order=order.id, graph=kept,
        sid=sid if isinstance(sid, str) else "", extra={"client_id": sid} if isinstance(sid, str) else {},
        outline=outline_of(way), warnings=told,
    )  # fmt: skip
    room.follow(taken)
    return answered({"prompt_id": name, "number": taken.number, "node_errors": {}, "warnings": told})


async def queue_length(request: web.Request) -> web.Response:
    """How many of the client's graphs have not ended."""
    return answered(room_of(request).status_of(owner_of(request)))


async def history(request: web.Request) -> web.Response:
    """What came of the client's graphs: of all, or of the last `max_items`."""
    ended = room_of(request).known(owner_of(request))
    most, since = _whole(request, "max_items"), _whole(request, "offset")
    if since is not None and since >= 0:
        ended = ended[since:]
        ended = ended if most is None else ended[:most]
    elif most is not None:
        ended = ended[len(ended) - min(most, len(ended)) :]
    return answered({each.id: history_of(each) for each in ended})


async def history_of_one(request: web.Request) -> web.Response:
    """What came of one; nothing while it has not ended."""
    ended = room_of(request).known(owner_of(request))
    return answered({each.id: history_of(each) for each in ended if each.id == request.match_info["id"]})


async def change_history(request: web.Request) -> web.Response:
    """Forgets some of the client's graphs, or all that have ended."""
    room, owner = room_of(request), owner_of(request)
    clear, names = await _clearing(request)
    for each in room.known(owner):
        if clear or each.id in names:
            room.prompts.drop(each)
    return web.Response()


async def queue(request: web.Request) -> web.Response:
    """The client's graphs that are being painted, and those that wait."""
    waiting = room_of(request).prompts.open(owner_of(request))
    return answered(
        {
            "queue_running": [each.item for each in waiting if each.at],
            "queue_pending": [each.item for each in waiting if not each.at],
        }
    )


async def change_queue(request: web.Request) -> web.Response:
    """Takes some of the client's graphs that wait back, or all of these."""
    clear, names = await _clearing(request)
    for each in room_of(request).prompts.open(owner_of(request)):
        if not each.at and (clear or each.id in names):
            request.app[ORDERS].cancel(each.order)
    return web.Response()


async def interrupt(request: web.Request) -> web.Response:
    """Ends what is being painted for the client, or the graph that it names."""
    with request.app[GATEWAY].allowance.holding() as holding:
        body = await read_object(request, holding)
    waiting, name = room_of(request).prompts.open(owner_of(request)), body.get("prompt_id")
    for each in [each for each in waiting if name in (None, each.id)][:1]:
        request.app[ORDERS].cancel(each.order)
    return web.Response()


async def free(request: web.Request) -> web.Response:
    """Nothing: this server lets go of what it needs room for."""
    with request.app[GATEWAY].allowance.holding() as holding:
        await read_object(request, holding)
    return web.Response()


def answered(value: object) -> web.Response:
    """`value` as JSON."""
    return web.Response(body=body_from(value), content_type="application/json")


async def _placed(
    request: web.Request, room: ComfyRoom, way: PaintedWay, extra: Mapping[str, Any], holding: Holding
) -> tuple[Order, list[str]]:
    """The order of what a graph paints, and what is to be told of it."""
    gateway, owner = request.app[GATEWAY], owner_of(request)
    loader = way.passes.first.model.node
    named = SaidAt(loader, "ckpt_name" if "ckpt_name" in loader.inputs else "unet_name")
    _remember(request, {"model": named}, way)
    entry = await gateway.choose(model_of(way))
    found = await pictures_named(room, gateway.decoder, owner, way.read)
    usual = ComfyUsual(kind_of(entry), facts_of(entry.family).takes_number(entry.variant))

    def size_of(name: str) -> tuple[int, int] | None:
        picture = found.get(name)
        return None if picture is None else (picture.width, picture.height)

    asked = comfy_request_from(way, size_of, usual, _beside(extra))
    _remember(request, asked.said, way)
    ready = await with_pictures(asked, found, gateway.decoder, owner)
    previews = PREVIEWS if extra.get("preview_method") in _PREVIEWS else None
    order = await request.app[ORDERS].place(
        ready, owner[0], asked_as(request), holding=holding, output=Output(previews=previews), attached=False,
        lenient_tags=True,
    )  # fmt: skip
    return order, _told(asked, order)


def _remember(request: web.Request, said: Mapping[str, SaidAt], way: PaintedWay) -> None:
    """What of the graph says which field, for what may go wrong with it."""
    request[GRAPH] = GraphInHand(said, [node.id for node in way.shown])
    CALLED.set({field: each.input for field, each in said.items()})


def _told(asked: ComfyRequest, order: Order) -> list[str]:
    order.warnings[:0] = asked.warnings
    return sentences(order.warnings, called=CALLED.get())


def _beside(extra: Mapping[str, Any]) -> Mapping[str, Any]:
    """Fields of ours that are said beside a graph. Raises BadRequest."""
    said = extra.get(_OURS)
    if said is not None and not isinstance(said, Mapping):
        raise refusal(f"extra_data.{_OURS}", said, message("value.object"))
    return _NOTHING if said is None else said


def _id_in(room: ComfyRoom, body: Mapping[str, Any]) -> str:
    """What the client calls its graph, or a name that is made for it. Raises BadRequest."""
    said = body.get("prompt_id")
    if said is None:
        return str(uuid.uuid4())
    if not isinstance(said, str) or not _ID.fullmatch(said) or said in room.prompts:
        raise BadRequest(message("comfy.id", "prompt_id"))
    return said


async def _clearing(request: web.Request) -> tuple[bool, list[Any]]:
    """Is all to go, and which is?"""
    with request.app[GATEWAY].allowance.holding() as holding:
        body = await read_object(request, holding)
    names = body.get("delete")
    return body.get("clear") is True, names if isinstance(names, list) else []


def _whole(request: web.Request, name: str) -> int | None:
    said = request.query.get(name)
    if said is None:
        return None
    if not re.fullmatch(r"-?[0-9]{1,9}", said, re.ASCII):
        raise refusal(name, said, message("allowed.whole"))
    return max(-1, int(said)) if name == "offset" else max(0, int(said))

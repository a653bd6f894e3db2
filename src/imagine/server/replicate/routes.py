"""`/v1/predictions`: orders that go on by themselves, whoever asks how far they are."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any

from aiohttp import web

from ...asking.json_body import read_json
from ...fairness.allowance import Holding
from ...messages import message, sentences
from ...words.events import Finished, Progress
from ..gateway.keys import GATEWAY
from ..http.addresses import base_url
from ..http.body import read_body
from ..http.context import CALLED, ORDER_ID
from ..http.encoding import body_from
from ..http.errors import Trouble, trouble_from
from ..http.security import Refused, client_of
from ..orders.connection import ORDERS, asked_as, is_own, own_order
from ..orders.order import Order
from .answers import PredictionSoFar, prediction_object
from .requests import PredictionWish, deadline_from, prediction_from, wait_from
from .streaming import send_prediction

_PAGE = 16
"""Predictions in a list: their pictures stand in it."""


async def create(request: web.Request) -> web.Response:
    """Places it; waits for it where its client prefers that."""
    deadline = deadline_from(request.headers.get("Cancel-After", ""))
    order = await _placed(request)
    if deadline is not None:
        asyncio.get_running_loop().call_later(deadline, request.app[ORDERS].cancel, order.id)
    return await _answer(request, order, wait_from(request.headers.get("Prefer", "")), status=201)


async def get(request: web.Request) -> web.Response:
    """How far it is by now."""
    return await _answer(request, _known(request), 0)


async def predictions(request: web.Request) -> web.Response:
    """The client's own that are known, the newest first, a page at a time: what stands behind `cursor`."""
    orders, cursor = request.app[ORDERS], request.query.get("cursor")
    own = [order for order in reversed(orders.known) if not order.attached and is_own(request, order)]
    if cursor is not None:  # of one that is forgotten by now nothing older is known either
        at = next((at for at, order in enumerate(own) if order.id == cursor), len(own))
        own = own[at + 1 :]
    shown, more = own[:_PAGE], own[_PAGE:]
    results = [await _said(request, order, 0) for order in shown]
    following = f"{_base(request)}/v1/predictions?cursor={shown[-1].id}" if more else None
    said = {"previous": None, "next": following, "results": results}
    return web.Response(body=body_from(said), content_type="application/json")


async def stream(request: web.Request) -> web.StreamResponse:
    """What happens to it, as it happens."""
    return await send_prediction(request, _known(request))


async def cancel(request: web.Request) -> web.Response:
    """Takes it back; of one that has ended, how it ended."""
    order = _known(request)
    cancelled = request.app[ORDERS].cancel(order.id)
    return await _answer(request, order, 0, cancelled=cancelled)


async def _placed(request: web.Request) -> Order:
    """The order of what is asked for. Its pictures are forgotten on the way: a photo takes long to denoise."""
    with request.app[GATEWAY].allowance.holding() as holding:
        wish = await _read(request, holding)
        CALLED.set(wish.names)
        order = await request.app[ORDERS].place(
            wish.request, client_of(request), asked_as(request), holding=holding, output=wish.output, attached=False,
            filled=wish.filled,
        )  # fmt: skip
    order.warnings[:0] = wish.warnings
    ORDER_ID.set(order.id)
    return order


def _known(request: web.Request) -> Order:
    name = request.match_info["id"]
    order = own_order(request, name)
    if order is None or order.id != name:
        raise Refused(404, message("replicate.unknown", "id", value=name[:100]))
    return order


async def _read(request: web.Request, holding: Holding) -> PredictionWish:
    body = await read_body(request, holding)
    owner, name = request.match_info.get("owner"), request.match_info.get("name")

    def wished(body: bytes) -> PredictionWish:
        return prediction_from(read_json(body), owner, name)

    return await request.app[GATEWAY].read(body, wished, client_of(request))


async def _answer(
    request: web.Request, order: Order, wait: float, *, status: int = 200, cancelled: bool = False
) -> web.Response:
    said = await _said(request, order, wait)
    if cancelled:  # the device is free within a step, and it ends then
        said["status"] = "canceled"
    return web.Response(status=status, body=body_from(said), content_type="application/json")


async def _said(request: web.Request, order: Order, wait: float) -> dict[str, Any]:
    """What is told of it within `wait` seconds."""
    seen = await _seen(request, order, wait)
    age = request.app[GATEWAY].clock() - order.placed_at
    address = f"{_base(request)}/v1/predictions/{order.id}"
    return prediction_object(order, seen, now=time.time(), age=age, address=address, waited=wait > 0)


def _base(request: web.Request) -> str:
    return base_url(request, request.app[GATEWAY].settings.public_url)


async def _seen(request: web.Request, order: Order, wait: float) -> PredictionSoFar:
    """What happened to it within `wait` seconds; 0 is what has happened already."""
    done: dict[int, Finished] = {}
    steps: dict[int, Progress] = {}
    failure: Trouble | None = None
    try:
        async with asyncio.timeout(wait), contextlib.aclosing(request.app[ORDERS].events(order.id)) as events:
            async for event in events:
                match event.report:
                    case Finished(job=job):
                        done[event.index] = event.report
                        of = order.pictures[event.index].params.num_steps
                        of = steps[event.index].steps if event.index in steps else of
                        steps[event.index] = Progress(job=job, step=of, steps=of)
                    case Progress():
                        steps[event.index] = event.report
    except TimeoutError:
        pass
    except Exception as error:  # noqa: BLE001 - what the order failed with is what is told of it
        failure = trouble_from(error)
    finished = [done[index] for index in sorted(done)]
    notes: list[Any] = [*order.warnings, *order.told_left_out, *(note for each in finished for note in each.warnings)]
    return PredictionSoFar(finished, steps, failure, sentences(notes, called=CALLED.get()))

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
from ..http.body import read_body
from ..http.context import CALLED, ORDER_ID
from ..http.encoding import body_from
from ..http.errors import Trouble, trouble_from
from ..http.security import GUARD, Refused, client_of
from ..orders.connection import ORDERS, asked_as, own_order
from ..orders.order import Order
from .answers import PredictionSoFar, prediction_object
from .requests import PredictionWish, prediction_from, wait_from


async def create(request: web.Request) -> web.Response:
    """Places it; waits for it where its client prefers that."""
    order = await _placed(request)
    return await _answer(request, order, wait_from(request.headers.get("Prefer", "")), status=201)


async def get(request: web.Request) -> web.Response:
    """How far it is by now."""
    return await _answer(request, _known(request), 0)


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
    seen = await _seen(request, order, wait)
    asker, now = request.app[GUARD].asker(request), time.time()
    base = request.app[GATEWAY].settings.public_url or f"{asker.scheme}://{asker.host or request.host}{asker.prefix}"
    age = request.app[GATEWAY].clock() - order.placed_at
    address = f"{base}/v1/predictions/{order.id}"
    said = prediction_object(order, seen, now=now, age=age, address=address, waited=wait > 0)
    if cancelled:  # the device is free within a step, and it ends then
        said["status"] = "canceled"
    return web.Response(status=status, body=body_from(said), content_type="application/json")


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

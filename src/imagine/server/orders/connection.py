"""What a connection does with orders, whatever its dialect: it places one, and waits for it or sends what happens.

The answer says which order it is, and an order that is attached ends when its connection goes.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from ...asking.request import GenerateRequest
from ...fairness.allowance import Holding
from ...messages import Message, message
from ...words.events import Finished
from ...words.keys import Priority
from ...words.moderation import AskedAs
from ..http.context import ORDER_ID
from ..http.dialect import dialect_of
from ..http.idempotency import HEADER, idempotency_key
from ..http.security import GUARD, Refused, client_of
from .event_log import OrderEvent
from .lasting_door import LastingDoor
from .order import Order
from .orders import Orders
from .output import AS_PAINTED, Output
from .painted import Painted

if TYPE_CHECKING:
    from ..lasting.rows import OrderRow, Webhook

ORDERS = web.AppKey("orders", Orders)
LASTING = web.AppKey("lasting", LastingDoor)
EventLine = Callable[[OrderEvent], Awaitable[bytes | None]]
"""What an event makes, if anything."""
LastLine = Callable[[Exception], bytes]
"""What is said of an error once something was sent."""
PATIENCE = 120.0
"""Seconds for a client to take a line; one that doesn't has gone away."""


async def place(
    request: web.Request, generate: GenerateRequest, holding: Holding, output: Output = AS_PAINTED, *,
    filled: tuple[str, ...] = (), priority: Priority | None = None,
) -> Order:  # fmt: skip
    """Places what a connection asks for, as `Orders.place`; `pictures_of` or `send_events` goes on at once.

    With an Idempotency-Key it outlives the connection: who asks again with it waits for the same order.
    """
    if HEADER in request.headers:
        return await place_lasting(request, generate, holding, output, filled=filled, priority=priority)
    dialect = dialect_of(request)
    lenient = dialect is not None and dialect.lenient_tags
    order = await request.app[ORDERS].place(
        generate, client_of(request), asked_as(request, priority), holding=holding, output=output, lenient_tags=lenient,
        filled=filled,
    )  # fmt: skip
    ORDER_ID.set(order.id)
    return order


async def place_lasting(
    request: web.Request, generate: GenerateRequest, holding: Holding, output: Output = AS_PAINTED, *,
    filled: tuple[str, ...] = (), warnings: tuple[Message, ...] = (), webhook: Webhook | None = None,
    deadline: float | None = None, priority: Priority | None = None,
) -> Order:  # fmt: skip
    """As `place`, of an order that outlives its connection and the server. Raises Refused too: for an Idempotency-Key
    that came with something else, and for one whose order has expired."""
    from ..lasting.rows import KeyedBy
    from .lasting import Gone, KeyUsed, Placer

    dialect, key = dialect_of(request), idempotency_key(request.headers)
    keyed = None if key is None else KeyedBy(request.path, key, _fingerprint(generate, output, webhook))
    placer = Placer(request.app[GUARD].owner(request), client_of(request), asked_as(request, priority))
    try:
        order = await request.app[LASTING].open().place(
            generate, placer, holding, output, lenient_tags=dialect is not None and dialect.lenient_tags,
            filled=filled, warnings=warnings, keyed=keyed, webhook=webhook,
            deadline=deadline,
        )  # fmt: skip
    except KeyUsed as error:
        raise Refused(422, message("idempotency.other", HEADER)) from error
    except Gone as error:
        raise expired() from error
    ORDER_ID.set(order.id)
    return order


def _fingerprint(generate: GenerateRequest, output: Output, webhook: Webhook | None) -> bytes:
    """What tells one request from another; the name that its picture will have is chosen anew each time."""
    asked = [
        generate,
        msgspec.structs.replace(output, name=""),
        *([] if webhook is None else [webhook.url, webhook.events]),
    ]
    return hashlib.sha256(msgspec.msgpack.encode(asked)).digest()


def expired() -> Refused:
    """That nothing is left of an order but that there was one."""
    return Refused(410, message("job.expired"))


async def own_lasting(request: web.Request, name: str) -> OrderRow | None:
    """The order of that id that lasts, if it is the asker's, or the asker sees everybody's. Raises ImagineError."""
    if (lasting := request.app[LASTING].if_any()) is None:
        return None
    row, guard = await lasting.row(name), request.app[GUARD]
    return row if row is not None and (row.owner == guard.owner(request) or guard.sees_all(request)) else None


async def opened(request: web.Request, row: OrderRow) -> Order:
    """That order, to be read from its beginning on. Raises Refused for one of which nothing is left."""
    from .lasting import Gone

    try:
        return await request.app[LASTING].open().opened(row)
    except Gone as error:
        raise expired() from error


def asked_as(request: web.Request, wanted: Priority | None = None) -> AskedAs:
    """With whose key a connection asks, in which dialect, and how urgent it is, where it may be as urgent as wanted."""
    dialect = dialect_of(request)
    guard = request.app[GUARD]
    return AskedAs(
        guard.key_of(request), None if dialect is None else dialect.name.lower(), guard.priority(request, wanted)
    )


def may_end(request: web.Request, order: Order) -> bool:
    """May its asker take that order back? With the key that it was asked with, with the server's own, which has no
    name, or with one for that.

    Where there are no keys, nobody's order is told from another's.
    """
    named = request.app[GUARD].named(request)
    return named is None or named.may("admin") or named.name == order.key


async def pictures_of(request: web.Request, order: Order) -> list[Painted]:
    """The finished pictures in their order, without those that `order.left_out` tells of. Raises what the order failed
    with."""
    orders = request.app[ORDERS]
    done: dict[int, Painted] = {}
    with orders.attending(order):
        async with contextlib.aclosing(order.log.read()) as events:
            async for event in events:
                if isinstance(event.report, Finished):
                    done[event.index] = Painted(event.report, event.stored)
    return [done[index] for index in sorted(done)]


async def send_events(
    request: web.Request, order: Order, line: EventLine, last: LastLine, *, media_type: str, patience: float = PATIENCE
) -> web.StreamResponse:
    """Sends what `line` makes of each event. An error before the first line is raised."""
    orders = request.app[ORDERS]
    response = web.StreamResponse(headers={"X-Accel-Buffering": "no", "Cache-Control": "no-store"})
    response.content_type = media_type
    with orders.attending(order):
        try:
            async with contextlib.aclosing(order.log.read()) as events:
                async for event in events:
                    if (sent := await line(event)) is not None:
                        await _send(request, response, sent, patience)
        except (ConnectionError, TimeoutError):
            return response  # nobody is there to be told
        except Exception as error:
            if not response.prepared:
                raise
            with contextlib.suppress(ConnectionError, TimeoutError):
                await _send(request, response, last(error), patience)
    return response


async def _send(request: web.Request, response: web.StreamResponse, line: bytes, patience: float) -> None:
    async with asyncio.timeout(patience):
        if not response.prepared:
            await response.prepare(request)
        await response.write(line)


async def send_pieces(
    request: web.Request, response: web.StreamResponse, pieces: AsyncGenerator[bytes]
) -> web.StreamResponse:
    """The pieces, each in time; who doesn't take them has gone away."""
    try:
        async for piece in pieces:
            await _send(request, response, piece, PATIENCE)
    except (ConnectionError, TimeoutError):
        if request.transport is not None:
            request.transport.abort()  # what was sent is no whole answer
    return response

"""`/v1/predictions`: orders that go on by themselves, whoever asks how far they are."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from aiohttp import web

from ...asking.json_body import read_json
from ...fairness.allowance import Holding
from ...messages import message, sentences
from ...words.events import Finished, Progress
from ..gateway.keys import GATEWAY
from ..http.addresses import base_url
from ..http.body import read_body
from ..http.context import CALLED
from ..http.encoding import body_from
from ..http.errors import trouble_from
from ..http.security import GUARD, Refused, client_of
from ..lasting.book import OPEN
from ..lasting.rows import OrderRow
from ..orders.connection import LASTING, expired, opened, own_lasting, place_lasting
from ..orders.order import Order
from .answers import PredictionSoFar, data_url, prediction_object
from .requests import NAMED, PredictionWish, deadline_from, prediction_from, wait_from
from .streaming import send_prediction

_PAGE = 16
"""Predictions in a list: their pictures stand in it."""
_MOST_TAKEN = 32 * 2**20
"""Characters of pictures, behind which a page ends."""


async def create(request: web.Request) -> web.Response:
    """Places it; waits for it where its client prefers that."""
    deadline = deadline_from(request.headers.get("Cancel-After", ""))
    order = await _placed(request, deadline)
    return await _answer(request, order, wait_from(request.headers.get("Prefer", "")), status=201)


async def get(request: web.Request) -> web.Response:
    """How far it is by now."""
    return await _answer(request, await opened(request, await _known(request)), 0)


async def predictions(request: web.Request) -> web.Response:
    """The client's own orders that last, the newest first, a page at a time: what stands behind `cursor`."""
    rows = await _listed(request, request.query.get("cursor"))
    shown, results, taken = list[OrderRow](), list[dict[str, Any]](), 0
    for row in rows[:_PAGE]:
        if taken > _MOST_TAKEN:
            break
        shown.append(row)
        if (said := await _left_of(request, row)) is not None:
            results.append(said)
            taken += sum(map(len, said["output"] or ()))
    following = f"{_base(request)}/v1/predictions?cursor={shown[-1].id}" if len(shown) < len(rows) else None
    page = {"previous": None, "next": following, "results": results}
    return web.Response(body=body_from(page), content_type="application/json")


async def _left_of(request: web.Request, row: OrderRow) -> dict[str, Any] | None:
    """What a list says of one; None where nothing is left to be told, or not all of it."""
    try:
        return await _said(request, await opened(request, row), 0)
    except Refused:
        return None


async def stream(request: web.Request) -> web.StreamResponse:
    """What happens to it, as it happens."""
    return await send_prediction(request, await opened(request, await _known(request)))


async def cancel(request: web.Request) -> web.Response:
    """Takes it back; of one that has ended, how it ended."""
    row = await _known(request)
    order = await opened(request, row)
    await request.app[LASTING].open().cancel(row)
    return await _answer(request, order, 0)


async def _listed(request: web.Request, cursor: str | None) -> list[OrderRow]:
    """A page and one more; of a cursor that is forgotten by now nothing older is known either."""
    lasting, before = request.app[LASTING].if_any(), None
    if cursor is not None:
        row = await own_lasting(request, cursor)
        before = 0 if row is None else row.number
    return [] if lasting is None else await lasting.listed(request.app[GUARD].owner(request), _PAGE + 1, before)


async def _placed(request: web.Request, deadline: float | None) -> Order:
    """The order of what is asked for. Its pictures are forgotten on the way: a photo takes long to denoise."""
    with request.app[GATEWAY].allowance.holding() as holding:
        wish = await _read(request, holding)
        CALLED.set(wish.names)
        webhook, settings = None, request.app[GATEWAY].settings
        if wish.webhook is not None:
            from .webhook import wished

            webhook = wished(wish.webhook, settings, _base(request))
        return await place_lasting(
            request, wish.request, holding, wish.output, filled=wish.filled, warnings=tuple(wish.warnings),
            webhook=webhook, deadline=deadline,
        )  # fmt: skip


async def _known(request: web.Request) -> OrderRow:
    name = request.match_info["id"]
    if (row := await own_lasting(request, name)) is None:
        raise Refused(404, message("replicate.unknown", "id", value=name[:100]))
    return row


async def _read(request: web.Request, holding: Holding) -> PredictionWish:
    body = await read_body(request, holding)
    owner, name = request.match_info.get("owner"), request.match_info.get("name")

    def wished(body: bytes) -> PredictionWish:
        return prediction_from(read_json(body), owner, name)

    return await request.app[GATEWAY].read(body, wished, client_of(request))


async def _answer(request: web.Request, order: Order, wait: float, *, status: int = 200) -> web.Response:
    said = await _said(request, order, wait)
    return web.Response(status=status, body=body_from(said), content_type="application/json")


async def _said(request: web.Request, order: Order, wait: float) -> dict[str, Any]:
    """What is told of it within `wait` seconds. Raises Refused where nothing is left of it."""
    seen = await _seen(order, wait)
    row = await request.app[LASTING].open().row(order.id)
    if row is None or row.about is None:
        raise expired()
    if row.state == OPEN:
        seen = seen._replace(state=OPEN)  # it goes on behind the next start, whatever a server says that stops
    return prediction_object(row, seen, base=_base(request), waited=wait > 0)


def _base(request: web.Request) -> str:
    return base_url(request, request.app[GATEWAY].settings.public_url)


async def _seen(order: Order, wait: float) -> PredictionSoFar:
    """What happened to it within `wait` seconds; 0 is what has happened already."""
    done: dict[int, Finished] = {}
    steps: dict[int, Progress] = {}
    state: str = "open"
    failure: str | None = None
    try:
        async with asyncio.timeout(wait), contextlib.aclosing(order.log.read()) as events:
            async for event in events:
                match event.report:
                    case Finished(job=job):
                        done[event.index] = event.report
                        of = order.pictures[event.index].params.num_steps
                        of = steps[event.index].steps if event.index in steps else of
                        steps[event.index] = Progress(job=job, step=of, steps=of)
                    case Progress():
                        steps[event.index] = event.report
        state = order.state
    except TimeoutError:
        pass  # what has come since is seen the next time, its end too
    except Exception as error:  # noqa: BLE001 - what the order failed with is what is told of it
        state, failure = order.state, trouble_from(error).sentence(NAMED)
    finished = [done[index] for index in sorted(done)]
    notes: list[Any] = [*order.warnings, *order.told_left_out, *(note for each in finished for note in each.warnings)]
    output = [data_url(each.media_type, each.data) for each in finished] if state == "succeeded" else []
    seconds = sum(sum(each.timings.values()) for each in finished)
    return PredictionSoFar(state, output, seconds, steps, failure, sentences(notes, called=CALLED.get()))

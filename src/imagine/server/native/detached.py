"""Orders that nobody waits for: how far one is, where its pictures are, and what it came to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from ...dispatch.job import Job
from ...dispatch.worker import error_from_failed
from ...fairness.clients import key_of_client
from ...messages import message
from ...words.events import Failed
from ..gateway.keys import GATEWAY
from ..http.addresses import base_url, picture_url
from ..http.context import CALLED, LANGUAGE
from ..http.encoding import body_from
from ..http.errors import native_error
from ..http.security import GUARD, Refused
from ..lasting.book import OPEN
from ..lasting.rows import OrderRow, PictureRow, WebhookMessage, WebhookTold
from ..orders.connection import LASTING, opened, own_lasting
from ..orders.order import Order
from .answers import answer, wants_png
from .replies import left_out_from, warnings_in

_YES = ("1", "true", "yes", "on")
_LISTED = 100
"""Orders that a list shows where nobody says how many, and at most."""


async def accepted(request: web.Request, order: Order, *, preferred: bool = False) -> web.Response:
    """The answer to an order that was taken in; `preferred`: because its client would rather not wait."""
    row = await request.app[LASTING].open().row(order.id)
    assert row is not None, "it was written down just now"
    status = await status_of(request, row)
    headers = {"Location": status["urls"]["self"]} | ({"Preference-Applied": "respond-async"} if preferred else {})
    return web.Response(status=202, body=body_from(status), content_type="application/json", headers=headers)


async def status(request: web.Request) -> web.Response:
    """How far one is."""
    row = await known(request)
    said = await status_of(request, row)
    if row.called is not None:
        said["webhook"] = _webhook(row.called)
    return web.Response(body=body_from(said), content_type="application/json", headers={"Cache-Control": "no-store"})


async def result(request: web.Request) -> web.Response:
    """What `/generate` would have answered, or its one picture. Raises what the order failed with."""
    row = await known(request)
    if row.state == OPEN:
        raise Refused(409, message("job.unfinished"))
    order = await opened(request, row)
    return await answer(request, order, as_png=wants_png(request))


async def remove(request: web.Request, row: OrderRow) -> web.Response:
    """Takes one back; of one that has ended, says how."""
    cancelled = await request.app[LASTING].open().cancel(row)
    latest = await request.app[LASTING].open().row(row.id) or row
    said = {"cancelled": row.id} if cancelled else {}
    return web.Response(body=body_from(said | await status_of(request, latest)), content_type="application/json")


async def listed(request: web.Request) -> list[dict[str, Any]]:
    """The asker's, the newest first; `before` is the id of the last that was listed. With `all`, for who sees them,
    everybody's, with whose each is. Raises Refused."""
    lasting, before, everybodys = request.app[LASTING].open(), None, _wants_all(request)
    if name := request.query.get("before"):
        row = await own_lasting(request, name)
        if row is None:
            raise Refused(404, message("job.unknown", "before"))
        before = row.number
    limit = request.query.get("limit", str(_LISTED))
    if not (limit.isascii() and limit.isdigit() and 0 < int(limit[:9]) <= _LISTED):
        raise Refused(400, message("jobs.limit", "limit", value=limit[:20], most=_LISTED))
    owner = None if everybodys else request.app[GUARD].owner(request)
    rows = await lasting.listed(owner, int(limit), before)
    positions = await lasting.positions() if any(row.state == OPEN for row in rows) else {}
    said = [await status_of(request, row, positions) for row in rows]
    if not everybodys:
        return said
    return [one | {"key": key_of_client(row.owner)} for one, row in zip(said, rows, strict=True)]


def _wants_all(request: web.Request) -> bool:
    """Raises Refused where it may not see others' orders."""
    if request.query.get("all", "").lower() not in _YES:
        return False
    if not request.app[GUARD].sees_all(request):
        raise Refused(403, message("guard.scope", "all", scope="admin"))
    return True


async def known(request: web.Request) -> OrderRow:
    """The asker's order that the path names. Raises Refused."""
    row = await own_lasting(request, request.match_info["id"])
    if row is None:
        raise Refused(404, message("job.unknown"))
    return row


async def status_of(request: web.Request, row: OrderRow, positions: Mapping[int, int] | None = None) -> dict[str, Any]:
    """How far it is: neither prompts nor pictures, but where these are. Times are in Unix seconds; `positions` as
    `LastingOrders.positions` tells them, where they are known."""
    base = f"{base_url(request, request.app[GATEWAY].settings.public_url)}/jobs/{row.id}"
    pictures = _pictures(request, row)
    state = row.state
    if state == OPEN and any(picture["state"] != "queued" for picture in pictures):
        state = "running"
    said: dict[str, Any] = {
        "id": row.id,
        "state": state,
        "position": await _position(request, row, pictures, positions) if state == "queued" else None,
        "priority": row.priority,
        "created": round(row.created, 3),
        "ended": row.ended and round(row.ended, 3),
        "expires": row.expires and round(row.expires, 3),
        "pictures": pictures,
        "urls": {"self": base, "events": f"{base}/events", "result": f"{base}/result", "cancel": base},
    }
    if row.about is not None:
        said |= warnings_in(row.about.warnings, LANGUAGE.get(), CALLED.get())
    if row.failure is not None:
        error = error_from_failed(row.failure)
        said |= native_error(error.note, error)
    return said


def _webhook(called: WebhookTold) -> dict[str, Any]:
    """Whom it tells, and what became of that; what stands behind a URL's ? may be a secret."""
    url, query, _ = called.webhook.url.partition("?")
    return {
        "url": url + query,
        "events": called.webhook.events,
        "deliveries": [_delivery(each) for each in called.deliveries],
    }


def _delivery(one: WebhookMessage) -> dict[str, Any]:
    event, place, _ = one.happened
    said: dict[str, Any] = {"event": event} | ({"index": place} if place >= 0 else {})
    said |= {"state": one.state, "attempts": one.attempts, "next": one.due and round(one.due, 3)}
    return said if one.told is None else said | native_error(one.told)


async def _position(
    request: web.Request, row: OrderRow, pictures: list[dict[str, Any]], positions: Mapping[int, int] | None
) -> int:
    """How much is before it: jobs in the queue, and orders that aren't there yet."""
    ahead = await request.app[LASTING].open().ahead(row) if positions is None else positions.get(row.number)
    if ahead is None:
        return min((each["position"] for each in pictures if each["position"] is not None), default=0)
    return ahead + request.app[GATEWAY].pool.waiting


def _pictures(request: web.Request, row: OrderRow) -> list[dict[str, Any]]:
    if row.about is None:
        return []
    order = request.app[LASTING].open().in_hand.get(row.number)
    jobs = {job.id: job for job in request.app[GATEWAY].pool.jobs} if order is not None else {}
    names = [] if order is None else [picture.job for picture in order.pictures]
    told = []
    for index, asked in enumerate(row.about.pictures):
        seed = asked.params.seed
        if (done := row.pictures.get(index)) is not None:
            told.append(_done(request, index, seed, done))
        else:
            job = jobs.get(names[index]) if names else None
            told.append({"index": index, "seed": str(seed)} | _so_far(row, job, asked.params.num_steps))
    return told


def _done(request: web.Request, index: int, seed: int, picture: PictureRow) -> dict[str, Any]:
    if isinstance(picture.report, Failed):
        return {"index": index, **left_out_from(picture.report, seed), "state": "blocked", "position": None}
    url = picture_url(request, picture.name, request.app[GATEWAY].settings.public_url)
    media = picture.report.media_type
    about = {"state": "finished", "position": None, "url": url, "media_type": media}
    return {"index": index, "seed": str(seed), **about}


def _so_far(row: OrderRow, job: Job | None, steps: int) -> dict[str, Any]:
    progress = job.progress if job is not None else None
    begun = job is not None and job.worker is not None
    waits = "queued" if row.state == OPEN else row.state
    return {
        "state": "running" if begun else waits,
        "position": job.position if job is not None and not begun else None,
        "step": progress.step if progress else 0,
        "steps": steps,
        "remaining": progress.remaining if progress else None,
    }

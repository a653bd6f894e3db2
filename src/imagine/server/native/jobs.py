"""The orders that have not ended, with the jobs of their pictures; and taking one back. Neither prompts nor pictures
are told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from ...dispatch.job import Job
from ...messages import message
from ...words.errors import Busy
from ..gateway.keys import GATEWAY
from ..http.encoding import body_from
from ..http.errors import refusal
from ..http.security import GUARD
from ..orders.connection import LASTING, ORDERS, may_end, own_lasting
from ..orders.order import Order, OrderedPicture


async def jobs(request: web.Request) -> web.Response:
    """Each order with its pictures, and each job by itself, in the order they came. Times are in seconds back from now.

    A job that was taken back stands there until the device is free of it, its order perhaps no more. `detached` are the
    asker's own orders that last, ended ones too, the newest first; with `all` in the query, everybody's. A key with a
    name sees no other's orders, unless it is for that; who sees all is told whose they are.
    """
    gateway, now = request.app[GATEWAY], request.app[GATEWAY].clock()
    orders, of_all = _seen(request), request.app[GUARD].may(request, "admin")
    waiting = {job.id: job for job in gateway.pool.jobs}
    places = {picture.job: (order.id, index) for order in orders for index, picture in enumerate(order.pictures)}
    listed = []
    for job in waiting.values():
        order, index = places.get(job.id, (None, 0))
        if of_all or order is not None:
            listed.append(_job(job, now) | {"order": order, "index": index})
    told = request.app[GUARD].sees_all(request)
    answer = {
        "orders": [_order(order, waiting, now) | ({"key": order.key} if told else {}) for order in orders],
        "jobs": listed,
        "detached": await _detached(request),
    }
    return web.Response(body=body_from(answer), content_type="application/json")


async def cancel(request: web.Request) -> web.Response:
    """Takes an order back, by its id or a job's of it: whoever waits is told, and the device is free within a step.

    Another key's is as one that isn't there.
    """
    name, orders = request.match_info["id"], request.app[ORDERS]
    order = orders.find(name)
    if (order is None or order.lasting is not None) and (row := await own_lasting(request, name)) is not None:
        from .detached import remove

        return await remove(request, row)
    if (order is not None and not _may_end(request, order)) or not orders.cancel(name):
        return refusal(404, message("job.none"))
    return web.Response(body=body_from({"cancelled": name}), content_type="application/json")


def _seen(request: web.Request) -> list[Order]:
    """The orders that have not ended, of which the asker is told."""
    named = request.app[GUARD].named(request)
    orders = request.app[ORDERS].open
    return orders if named is None or named.may("admin") else [order for order in orders if order.key == named.name]


async def _detached(request: web.Request) -> list[dict[str, Any]]:
    """The orders that last, the asker's or all; none where the book is another server's, which tells of them."""
    if request.app[LASTING].if_any() is None and not request.query:
        return []
    from .detached import listed

    try:
        return await listed(request)
    except Busy:
        return []


def _may_end(request: web.Request, order: Order) -> bool:
    """An order that lasts is its maker's alone, and theirs who see everybody's."""
    if order.lasting is None:
        return may_end(request, order)
    guard = request.app[GUARD]
    return guard.sees_all(request) or guard.owner(request) == order.lasting.owner


def _order(order: Order, waiting: Mapping[str, Job], now: float) -> dict[str, Any]:
    """Of several pictures that wait, the first one's position; of the seconds that remain, the last one's."""
    pictures = [_picture(picture, waiting.get(picture.job), now) for picture in order.pictures]
    positions = [picture["position"] for picture in pictures if picture["position"] is not None]
    remaining = [picture["remaining"] for picture in pictures if picture["state"] != "finished"]
    waits = all(picture["state"] == "queued" for picture in pictures)
    return {
        "id": order.id,
        "state": "queued" if waits else "running",
        "position": min(positions) if waits and positions else None,
        "remaining": max(remaining) if remaining and None not in remaining else None,
        "age": round(now - order.placed_at, 3),
        "pictures": pictures,
    }


def _picture(picture: OrderedPicture, job: Job | None, now: float) -> dict[str, Any]:
    if job is not None:
        return _job(job, now)
    steps = picture.params.num_steps
    about = {"id": picture.job, "state": "finished", "position": None, "model": picture.params.model}
    return about | {"step": steps, "steps": steps, "age": None, "running_for": None, "remaining": 0.0}


def _job(job: Job, now: float) -> dict[str, Any]:
    progress = job.progress
    return {
        "id": job.id,
        "state": "queued" if job.worker is None else "running",
        "position": job.position if job.worker is None else None,
        "model": job.submit.params.model,
        "step": progress.step if progress else 0,
        "steps": job.submit.params.num_steps,
        "age": round(now - job.queued_at, 3),
        "running_for": None if job.started_at is None else round(now - job.started_at, 3),
        "remaining": progress.remaining if progress else None,
    }

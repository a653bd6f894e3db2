"""How far a client's own order is, with the picture as it is by now; and ending it."""

from __future__ import annotations

import time

from aiohttp import web

from ..gateway.keys import GATEWAY
from ..orders.bodies import read_object
from ..orders.connection import ORDERS
from .replies import base64_of
from .routes import answered
from .running import CLIENTS, Running, state_of

_YES = ("1", "true", "yes")


async def progress(request: web.Request) -> web.Response:
    """Of what the client waits for; without anything, idle."""
    running = request.app[CLIENTS].of(request).current()
    skips = request.query.get("skip_current_image", "").lower() in _YES
    preview = None if running is None or skips or running.preview is None else base64_of(running.preview.data)
    return answered(
        {
            "progress": 0.0 if running is None else running.progress,
            "eta_relative": eta_of(running),
            "state": state_of(running),
            "current_image": preview,
            "textinfo": None,
            "current_task": running.task or None if running else None,
        }
    )


async def task_progress(request: web.Request) -> web.Response:
    """As its page asks, by the id that the client gave its task."""
    with request.app[GATEWAY].allowance.holding() as holding:
        said = await read_object(request, holding)
    running = request.app[CLIENTS].of(request).current(str(said.get("id_task") or ""))
    waits = running is not None and not running.steps
    shown = running.preview if running is not None and said.get("live_preview", True) is not False else None
    return answered(
        {
            "active": running is not None and not waits,
            "queued": waits,
            "completed": running is None,
            "progress": None if running is None or waits else running.progress,
            "eta": None if running is None else eta_of(running),
            "live_preview": None if shown is None else f"data:{shown.media_type};base64,{base64_of(shown.data)}",
            "id_live_preview": -1 if shown is None else shown.step,
            "textinfo": "In queue..." if waits else "Waiting..." if running is None else None,
        }
    )


async def interrupt(request: web.Request) -> web.Response:
    """Ends what the client waits for: that answers with what there is."""
    _interrupt(request)
    return answered({})


async def skip(request: web.Request) -> web.Response:
    """Ends the picture that is being made: the others of its order come."""
    running = request.app[CLIENTS].of(request).current()
    if running is not None and len(running.order.open) > 1:
        request.app[ORDERS].skip(running.order)
    else:
        _interrupt(request)
    return answered(None)


async def queue_status(request: web.Request) -> web.Response:
    """As its page's library asks: how many pictures wait."""
    waiting = [job for job in request.app[GATEWAY].pool.jobs if job.worker is None]
    return answered({"msg": "estimation", "rank": None, "queue_size": len(waiting), "rank_eta": None})


def eta_of(running: Running | None) -> float:
    """Seconds that remain: as the worker says, else by what is done."""
    if running is None:
        return 0.0
    if running.remaining is not None:
        return float(running.remaining)
    return (time.time() - running.begun) * (1 / running.progress - 1) if running.progress else 0.0


def _interrupt(request: web.Request) -> None:
    running = request.app[CLIENTS].of(request).current()
    if running is not None:
        running.interrupted = True
        request.app[ORDERS].cancel(running.order.id)

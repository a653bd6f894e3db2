"""What says how the server is: `/health` and `/metrics`."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from ... import __version__
from ...dispatch.worker import BringState
from ...messages import Message, message, sentence
from ...words.errors import without_folders
from ..gateway.devices import DeviceStatus, devices_of
from ..gateway.gateway import Gateway
from ..gateway.keys import GATEWAY
from ..gateway.metrics import CONTENT_TYPE
from ..http.context import LANGUAGE
from ..http.encoding import body_from
from ..http.security import GUARD
from ..orders.connection import asked_as


async def health(request: web.Request) -> web.Response:
    """That it is Imagine, and whether it can draw: `status` is ready, starting, broken (see `problem`) or stopping.

    It is ready while one of its `devices` is, each of which says its own `state`, what it is at, how many `models` it
    holds and how many bytes of them, in how much `memory` that it has for models, how often it was started again, why
    it is broken, and whether it is `elsewhere`, where prompts and pictures go then. One of a cluster that lacks files
    says what it is `fetching`: bytes `done` of how many, or the `problem` of what didn't come.
    `moderation` is what holds for who asks: whether `prompts` are held to the policy, and to the owner's `own` rules,
    and whether `pictures` are looked at; with a `problem` where they are to be, and what looks isn't there. `assistant`
    is whether there is one; `provenance` and `watermark`, whether every picture is signed, and marked in its pixels.
    """
    gateway = request.app[GATEWAY]
    settings, rules = gateway.settings, gateway.rulebook.of(asked_as(request))
    moderation = {
        "policy": rules.policy,
        "prompts": rules.looked_for.policy != "none",
        "own": rules.has_own,
        "pictures": rules.pictures.look(rules.policy),
        "problem": _said(gateway.missing_checker()),
    }
    answer = {
        "name": "imagine",
        "version": __version__,
        "status": _status(gateway),
        "problem": _problem(gateway),
        "ready": bool(gateway.pool.ready),
        "devices": [_device_told(device) for device in devices_of(gateway.pool)],
        "moderation": moderation,
        "assistant": gateway.assistant is not None,
        "provenance": settings.provenance,
        "watermark": bool(settings.watermark),
        "waiting": gateway.pool.waiting,
        "running": gateway.pool.running,
    }
    return web.Response(body=body_from(answer), content_type="application/json")


async def metrics(request: web.Request) -> web.Response:
    """Everything counted, in Prometheus's text format; what is a key's, for who may see everybody's orders."""
    by_key = request.app[GATEWAY].settings.keys != () and request.app[GUARD].may(request, "admin")
    return web.Response(body=request.app[GATEWAY].metrics.text(by_key=by_key), headers={"Content-Type": CONTENT_TYPE})


def in_words(gateway: Gateway) -> str:
    """How the server is, for `systemctl status`."""
    pool = gateway.pool
    if pool.ready:
        told = devices_of(pool)
        where = ", ".join(device.place for device in told if device.state == "ready")
        lost = "".join(f"; {device.place} is broken" for device in told if device.state == "broken")
        return f"{_status(gateway)} on {where}: {pool.running} running, {pool.waiting} waiting{lost}"
    why = next((f": the worker {worker.broken}" for worker in pool.workers if worker.broken), "")
    return f"{_status(gateway)}{why}, {pool.waiting} waiting"


def _device_told(device: DeviceStatus) -> dict[str, Any]:
    why = None if device.problem is None else message("worker.lost", why=device.problem)
    told = {"device": device.place, "name": device.name, "state": device.state, "problem": _said(why)}
    told |= {name: getattr(device, name) for name in ("running", "restarts", "models", "size", "memory", "elsewhere")}
    return told if device.bringing is None else told | {"fetching": _bringing_told(device.bringing)}


def _bringing_told(state: BringState) -> dict[str, Any]:
    why = state.why
    if why is not None and why.code != "fetch.failed":
        why = message("fetch.failed", why=why)
    return {"done": state.done, "size": state.size, "problem": _said(why)}


def _problem(gateway: Gateway) -> str | None:
    """Why it is broken, in the client's language; None where it isn't."""
    why = next((worker.broken for worker in gateway.pool.workers if worker.broken), None)
    if why is None or _status(gateway) != "broken":
        return None
    return _said(message("worker.lost", why=why))


def _said(note: Message | None) -> str | None:
    return None if note is None else without_folders(sentence(note, LANGUAGE.get()))


def _status(gateway: Gateway) -> str:
    if gateway.stopping:
        return "stopping"
    if gateway.pool.ready:
        return "ready"
    return "broken" if all(worker.broken for worker in gateway.pool.workers) else "starting"

"""The jobs that have not ended, and taking one back. Neither prompts nor pictures are told."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from ...dispatch.job import Job
from ...messages import message
from ..gateway.keys import GATEWAY
from ..http.encoding import body_from
from ..http.errors import refusal


async def jobs(request: web.Request) -> web.Response:
    """Each job's id, state, position and times, in the order they came."""
    gateway = request.app[GATEWAY]
    now = gateway.clock()
    told = [_told(job, now) for job in gateway.pool.jobs]
    return web.Response(body=body_from({"jobs": told}), content_type="application/json")


async def cancel(request: web.Request) -> web.Response:
    """Takes a job back: whoever waits for it is told, and the device is free within a step."""
    job = request.match_info["id"]
    if not request.app[GATEWAY].pool.cancel(job):
        return refusal(404, message("job.none"))
    return web.Response(body=body_from({"cancelled": job}), content_type="application/json")


def _told(job: Job, now: float) -> dict[str, Any]:
    """Times are in seconds from now back."""
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

"""Where the application keeps what is ours, and the id of the request that a task is about."""

from __future__ import annotations

from contextvars import ContextVar

from aiohttp import web

from .gateway import Gateway
from .security import Guard

GATEWAY = web.AppKey("gateway", Gateway)
GUARD = web.AppKey("guard", Guard)
REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")

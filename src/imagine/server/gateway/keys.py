"""Where the application keeps its gateway."""

from __future__ import annotations

from aiohttp import web

from .gateway import Gateway

GATEWAY = web.AppKey("gateway", Gateway)

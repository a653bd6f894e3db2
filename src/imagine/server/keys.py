"""Where the application keeps what is ours, and what of the request every part may ask: its id, its language."""

from __future__ import annotations

from contextvars import ContextVar

from aiohttp import web

from ..messages import Language
from .gateway import Gateway
from .security import GUARD as GUARD

GATEWAY = web.AppKey("gateway", Gateway)
REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
LANGUAGE: ContextVar[Language] = ContextVar("language", default="en")
"""What our own dialect answers in; others answer in English, as the services that they are modelled on."""

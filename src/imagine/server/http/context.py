"""What of the request that is being answered every part may ask: its id, its language."""

from __future__ import annotations

from contextvars import ContextVar

from ...messages import Language

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
LANGUAGE: ContextVar[Language] = ContextVar("language", default="en")
"""What our own dialect answers in; others answer in English, as the services that they are modelled on."""

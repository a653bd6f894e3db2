"""What of the request that is being answered every part may ask: its id, its order, its language, its names."""

from __future__ import annotations

from contextvars import ContextVar

from ...fairness.quotas import LimitLeft
from ...messages import NO_NAMES, Language, Names

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
ORDER_ID: ContextVar[str] = ContextVar("order_id", default="")
"""Of the order that the request placed, "" where there is none."""
ORDER_HEADER = "X-Imagine-Order"
"""In which header of the answer it stands."""
LIMIT: ContextVar[LimitLeft | None] = ContextVar("limit", default=None)
"""Of its key's limits, the one that is the nearest, or in the way."""
LANGUAGE: ContextVar[Language] = ContextVar("language", default="en")
"""What our own dialect answers in; others answer in English, as the services that they are modelled on."""
CALLED: ContextVar[Names] = ContextVar("called", default=NO_NAMES)
"""What its client calls our fields, once that is known."""

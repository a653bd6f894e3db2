"""A request before anything is chosen for it: what its stages hand on to each other."""

from __future__ import annotations

from typing import NamedTuple

from ...asking.request import GenerateRequest
from ...messages import Message


class Incoming(NamedTuple):
    """A request as it is by now, and as its client said it."""

    original: GenerateRequest
    request: GenerateRequest
    client: str
    warnings: tuple[Message, ...] = ()
    """What of it had no effect so far."""

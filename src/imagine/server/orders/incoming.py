"""A request before anything is chosen for it: what its stages hand on to each other."""

from __future__ import annotations

from typing import NamedTuple

from ...asking.request import GenerateRequest
from ...messages import Message
from ...words.moderation import AskedAs
from ...words.recipe import Lora


class Incoming(NamedTuple):
    """A request as it is by now, and as its client said it."""

    original: GenerateRequest
    request: GenerateRequest
    client: str
    asked_as: AskedAs
    """Whose rules it is held to."""
    lenient_tags: bool = False
    """Leave out what a tag names and isn't here, with a warning."""
    filled: tuple[str, ...] = ()
    """Fields that its dialect filled in, since its client said nothing: a plan may say otherwise."""
    tagged: tuple[Lora, ...] = ()
    """The LoRAs that tags in its prompt ask for."""
    warnings: tuple[Message, ...] = ()
    """What of it had no effect so far."""

"""The owner's rules, held against what a request says and what will be painted."""

from __future__ import annotations

from ...moderation.policy import ModerationInput
from ..gateway.gateway import Gateway
from .incoming import Incoming


async def with_prompt_checked(gateway: Gateway, incoming: Incoming) -> Incoming:
    """The request as it is. Raises Blocked."""
    for check in gateway.checks:
        check(ModerationInput(incoming.original.prompt, incoming.request.prompt, incoming.original.preset))
    return incoming

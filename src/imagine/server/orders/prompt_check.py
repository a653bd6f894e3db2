"""The owner's rules, held against what a request says and what will be painted."""

from __future__ import annotations

from ...asking.request import GenerateRequest
from ...messages import Message, message
from ...moderation.check import ModerationInput
from ...words.errors import Blocked
from ...words.moderation import stricter_of
from ..gateway.gateway import Gateway
from .incoming import Incoming


async def with_prompt_checked(gateway: Gateway, incoming: Incoming) -> Incoming:
    """The request, with what is to be warned of. Raises Blocked."""
    said, request = incoming.original, incoming.request
    asked = ModerationInput(said.prompt, request.prompt, said.preset, request.moderation, _brings_pictures(request))
    try:
        verdicts = [verdict for check in gateway.checks for verdict in check(asked)]
    except Blocked as error:
        gateway.note_verdict(error.verdict, incoming.client, request.prompt)
        raise
    for verdict in verdicts:
        gateway.note_verdict(verdict, incoming.client, request.prompt)
    return incoming._replace(warnings=(*incoming.warnings, *_laxer(gateway, request)))


def _brings_pictures(request: GenerateRequest) -> bool:
    """Is it made from somebody's picture, whichever way?"""
    return any((request.img, request.mask, request.control, request.references))


def _laxer(gateway: Gateway, request: GenerateRequest) -> list[Message]:
    """That a policy which is asked for is laxer than the owner's, and has no effect."""
    owner, asked = gateway.settings.moderation.policy, request.moderation
    if asked is None or stricter_of(owner, asked) == asked:
        return []
    return [message("moderation.laxer", "moderation", value=asked, policy=owner)]

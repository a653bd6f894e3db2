"""The owner's rules, held against what a request says and what will be painted."""

from __future__ import annotations

import asyncio

from ...asking.loras import loras_from
from ...asking.request import GenerateRequest, SecondPass
from ...messages import Message, message
from ...moderation.check import ModerationInput
from ...moderation.rulebook import Rules
from ...moderation.rules import told_of
from ...words.errors import Blocked
from ...words.moderation import ModerationVerdict, Policy, stricter_of
from ..gateway.gateway import Gateway
from .incoming import Incoming
from .planning import with_room

_LONG = 2000
"""Characters of a prompt that is read beside others."""


async def with_prompt_checked(gateway: Gateway, incoming: Incoming) -> Incoming:
    """The request, with what is to be warned of. Raises Blocked."""
    said, request = incoming.original, incoming.request
    rules = gateway.rulebook.of(incoming.asked_as)
    asked = ModerationInput(
        said.prompt,
        request.prompt,
        said.preset,
        request.moderation,
        _brings_pictures(request),
        _names(gateway, incoming),
    )
    try:
        verdicts = await _verdicts(rules, asked)
        verdicts += await gateway.meanings.verdicts(asked, rules.looked_for, incoming.client)
        judged = await gateway.judge.check(asked, rules.looked_for, incoming.client)
    except Blocked as error:
        _note(gateway, error.verdict, incoming)
        raise
    incoming = await with_room(gateway, incoming, "prompt") if judged else incoming
    for verdict in verdicts:
        _note(gateway, verdict, incoming)
    warned = [_warning(verdict) for verdict in verdicts]
    return incoming._replace(warnings=(*incoming.warnings, *warned, *_laxer(rules.policy, request.moderation)))


def _note(gateway: Gateway, verdict: ModerationVerdict, incoming: Incoming) -> None:
    gateway.note_verdict(verdict, incoming.client, incoming.request.prompt, key=incoming.asked_as.key)


async def _verdicts(rules: Rules, asked: ModerationInput) -> list[ModerationVerdict]:
    """What every check says. Long prompts are read on a thread, since others wait for this one."""

    def judged() -> list[ModerationVerdict]:
        return [verdict for check in rules.checks for verdict in check(asked)]

    return await asyncio.to_thread(judged) if len(asked.final_prompt) > _LONG else judged()


def _warning(verdict: ModerationVerdict) -> Message:
    return message("blocked.warned", "prompt", what=message(told_of(verdict)), policy=verdict.policy or "")


def _brings_pictures(request: GenerateRequest) -> bool:
    """Is it made from somebody's picture, whichever way?"""
    return any((request.img, request.mask, request.control, request.references))


def _names(gateway: Gateway, incoming: Incoming) -> tuple[tuple[str, str], ...]:
    """What LoRAs and embeddings are called that it asks for: by whoever asks, and here, where it says their digest. And
    what else is painted: a second pass's prompt."""
    loras, words = loras_from(incoming.request.loras), incoming.request.embeddings or {}
    names = [*(("loras", lora.name) for lora in loras), *(("prompt", lora.name) for lora in incoming.tagged)]
    names += [("embeddings", word) for word in words]
    asked = [("loras", lora.digest) for lora in (*loras, *incoming.tagged) if lora.digest]
    asked += [("embeddings", digest) for digest in words.values()]
    if asked:
        known = [(entry.digest, entry.name) for entry in gateway.registry.files() if entry.digest]
        names += [(field, name) for field, digest in asked for own, name in known if own.startswith(digest)]
    hires = incoming.request.hires
    names += [("hires.prompt", hires.prompt)] if isinstance(hires, SecondPass) and hires.prompt else []
    return tuple(dict.fromkeys(names))


def _laxer(owner: Policy, asked: Policy | None) -> list[Message]:
    """That a policy which is asked for is laxer than the one that holds, and has no effect."""
    if asked is None or stricter_of(owner, asked) == asked:
        return []
    return [message("moderation.laxer", "moderation", value=asked, policy=owner)]

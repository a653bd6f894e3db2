"""`POST /tokens`: how many tokens a prompt is to a model, and which of it is read; nothing is loaded for it."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from aiohttp import web

from ...asking.json_body import read_json
from ...asking.presets import expanded
from ...asking.request import GenerateRequest
from ...asking.tokens import parse_tokens
from ...families.hearing import hearing_of
from ...families.scripts import scripts_in
from ...messages import NO_NAMES
from ...registry.told_languages import scripts_of
from ...words.counting import CountReply, CountRequest
from ...words.entry import Entry
from ..gateway.keys import GATEWAY
from ..http.body import read_body
from ..http.context import LANGUAGE
from ..http.encoding import body_from
from ..http.security import client_of
from .replies import warnings_in


async def tokens(request: web.Request) -> web.Response:
    """Counts of both prompts; null where the model's vocabulary comes with its file, which isn't opened for this."""
    gateway, client = request.app[GATEWAY], client_of(request)
    with gateway.allowance.holding() as holding:
        body = await read_body(request, holding)
        wanted, warnings = await gateway.read(body, lambda data: parse_tokens(read_json(data)), client)
    asked = GenerateRequest(prompt=wanted.prompt, neg=wanted.neg, model=wanted.model)
    if wanted.preset is not None:
        asked = expanded(asked, await asyncio.to_thread(gateway.presets.find, wanted.preset))
    model = gateway.registry.base_of(await gateway.choose(asked.model))
    hearing, counts = hearing_of(model.family, model.variant, model.missing), None
    if hearing is not None:
        counts = await gateway.counter.count(CountRequest(hearing, asked.prompt, asked.neg or ""), client)
    answer = {
        "model": model.name,
        "chunk": hearing.size if hearing is not None and hearing.chunked else None,
        "most": hearing.size if hearing is not None and not hearing.chunked else None,
        **{field: _told(asked, counts, field, model) for field in ("prompt", "neg")},
    }
    return web.Response(
        body=body_from(answer | warnings_in(warnings, LANGUAGE.get(), NO_NAMES)), content_type="application/json"
    )


def _told(asked: GenerateRequest, counts: CountReply | None, field: str, model: Entry) -> dict[str, Any]:
    """One prompt's tokens, and the scripts in it that the model was never taught."""
    count = None if counts is None else getattr(counts, field)
    told = dict[str, Any](tokens=None) if count is None else msgspec.structs.asdict(count)
    taught = scripts_of(model)
    return told | {"unread": [] if taught is None else sorted(scripts_in(getattr(asked, field) or "") - taught)}

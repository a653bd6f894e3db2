"""`POST /assist`: what the assistant would make of a wish, without the picture."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from ...asking.json_body import read_json
from ...asking.presets import styled_by
from ...asking.request import Parsed, parse
from ..gateway.keys import GATEWAY
from ..http.body import read_body
from ..http.context import CALLED, LANGUAGE
from ..http.encoding import body_from
from ..http.security import client_of
from ..orders.connection import asked_as
from ..orders.incoming import Incoming
from ..orders.planning import MadePlan
from ..orders.stages import plan_alone
from .replies import warnings_in

_ASKED = frozenset({"prompt", "neg", "strength", "num_steps", "guidance", "sampler", "loras", "assisted"})
"""What of a request a plan decides. What a preset set beside it is said, too, and the preset no more."""


async def assist(request: web.Request) -> web.Response:
    """The plan of what `/generate` would be sent. Where nobody understands, it is the wish itself, with a warning."""
    gateway, client = request.app[GATEWAY], client_of(request)
    with gateway.allowance.holding() as holding:
        body = await read_body(request, holding)
        parsed = await gateway.apart(lambda: _parsed(body), client)
        CALLED.set(parsed.called)
        warnings = tuple(parsed.warnings)
        incoming = Incoming(parsed.request, parsed.request, client, asked_as(request), warnings=warnings)
        made = await plan_alone(gateway, incoming)
    return web.Response(body=body_from(_answer(made)), content_type="application/json")


def _parsed(body: bytes) -> Parsed:
    return parse(read_json(body))


def _answer(made: MadePlan) -> dict[str, Any]:
    """The plan, and what of it `/generate` is to be sent beside the pictures of the wish."""
    plan = made.planned.plan
    told: dict[str, Any] = msgspec.to_builtins(plan)
    answer = told | {
        "revised_prompt": plan.prompt,
        "request": _fields(made.incoming, planned=plan.control is not None),
    }
    return answer | warnings_in(list(made.incoming.warnings), LANGUAGE.get(), CALLED.get())


def _fields(made: Incoming, *, planned: bool) -> dict[str, Any]:
    """A control's picture is the request's own `img`, which whoever sends it has."""
    asked = made.request
    said: dict[str, Any] = msgspec.to_builtins(asked)
    decided = _ASKED | styled_by(made.original, asked) - {"control"}
    fields = {name: value for name, value in said.items() if name in decided and value is not None}
    if made.original.preset is not None:
        fields["preset"] = None
    if planned and asked.control:
        fields["control"] = [{k: v for k, v in each.items() if k != "image"} for each in said["control"]]
    return fields

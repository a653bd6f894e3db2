"""The stages in their order. A new one joins here, and nowhere else.

preset → named model → watermark → wildcards, by picture: tags in prompts → the assistant → check of the prompt →
plan (model, input pictures, recipes) → how its pictures are looked at → pool → encode → sign → store → the dialect's
own words
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ...fairness.allowance import Holding
from ...words.events import Finished
from ...words.frames import Submit
from ..gateway.gateway import Gateway
from .encode import encode
from .incoming import Incoming
from .named_model import with_named_model
from .output import Output
from .painted import Painted
from .picture_check import with_pictures_checked
from .plan import Plan, planned
from .planning import MadePlan, planned_wish, with_assistance
from .preset import with_preset
from .prompt_check import with_prompt_checked
from .sign import sign
from .store import store
from .tags import with_tags_out
from .watermark import with_watermark
from .wildcards import with_wildcards

RequestStage = Callable[[Gateway, Incoming], Awaitable[Incoming]]
PictureStage = Callable[[Gateway, Painted, Output], Awaitable[Painted]]

REQUEST_STAGES: list[RequestStage] = [with_preset, with_named_model, with_watermark]
"""What a request goes through before its wildcards are words. Each may refuse it."""
PROMPT_STAGES: list[RequestStage] = [with_tags_out, with_assistance, with_prompt_checked]
"""What it goes through for each of the prompts that come of it, before anything is chosen for it. Likewise."""
PICTURE_STAGES: list[PictureStage] = [encode, sign, store]
"""What a picture goes through before its order has it. An error ends the order."""


async def prepare(gateway: Gateway, incoming: Incoming, holding: Holding, output: Output) -> Plan:
    """The jobs of a request, after all that comes before them. Raises as `planned`, and Blocked."""
    for stage in REQUEST_STAGES:
        incoming = await stage(gateway, incoming)
    each = await with_wildcards(gateway, incoming)
    for stage in PROMPT_STAGES:
        each = [await stage(gateway, one) for one in each]
    plan = await planned(gateway, each, holding, output)
    return await with_pictures_checked(gateway, plan, incoming.asked_as, incoming.request.moderation)


async def plan_alone(gateway: Gateway, incoming: Incoming) -> MadePlan:
    """What the assistant would make of a request's first picture, whether it asks for that or not. Raises as
    `prepare`, but for what the pictures lack."""
    for stage in REQUEST_STAGES:
        incoming = await stage(gateway, incoming)
    first = (await with_wildcards(gateway, incoming))[0]
    made = await planned_wish(gateway, await with_tags_out(gateway, first))
    return made._replace(incoming=await with_prompt_checked(gateway, made.incoming))


async def finish(gateway: Gateway, finished: Finished, output: Output, job: Submit | None = None) -> Painted:
    """A picture after all that comes between its job and its order."""
    painted = Painted(finished, job=job)
    for stage in PICTURE_STAGES:
        painted = await stage(gateway, painted, output)
    return painted

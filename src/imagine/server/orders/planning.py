"""A wish in plain words becomes a prompt and settings, where a request asks for that; what the request says stays.

No request fails for want of a plan, unless it requires one: then its prompt is the wish as it is, with a warning.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from ...asking.controls import ControlWish
from ...asking.loras import LoraWish
from ...asking.presets import expanded
from ...asking.request import GenerateRequest
from ...messages import Message, message
from ...words.errors import AssistantFailed, BadRequest
from ...words.recipe import PlanSummary
from ..gateway.devices import rooms_of
from ..gateway.gateway import Gateway
from .incoming import Incoming
from .main_memory import is_short_for

if TYPE_CHECKING:
    from ...assistant.assistant import Assistant, Planned, WishedPicture
    from ...assistant.plan import AssistPlan

_LORA, _CONTROL, _CONTROL_UNTIL = 0.8, 0.7, 0.8
"""How much of a LoRA that a plan wants, of what holds the picture, and to which part of the steps."""
_REQUIRED = "require"


class MadePlan(NamedTuple):
    """The request that a plan makes of another, the plan, and what there is to say."""

    incoming: Incoming
    planned: Planned


async def with_assistance(gateway: Gateway, incoming: Incoming) -> Incoming:
    """The request as the assistant plans it. Raises AssistantFailed where it requires a plan and there is none,
    BadRequest where there is no assistant; as `Gateway.choose`; BadPicture."""
    request = incoming.request
    if not request.assist and not _is_revised(gateway, incoming):
        return incoming
    if request.assisted is not None:
        return _warned(incoming, message("assist.before", "assist", other="assisted"))
    if gateway.assistant is None:
        if request.assist == _REQUIRED:
            raise BadRequest(_required(message("assist.absent")))  # it can't be had here, however often it is asked
        return _warned(incoming, message("assist.none", "assist"))
    made = await planned_wish(gateway, incoming)
    if made.planned.failed is not None and request.assist == _REQUIRED:
        raise AssistantFailed(_required(made.planned.failed))
    return await with_room(gateway, made.incoming, "assist")


async def with_room(gateway: Gateway, incoming: Incoming, field: str) -> Incoming:
    """The request, once the models are gone that were asked for it where they share a card with its picture's."""
    if gateway.assistant is None or not await _lacks_memory(gateway, gateway.assistant, incoming.request):
        return incoming
    gone = await gateway.assistant.make_room()
    return incoming if gone else _warned(incoming, message("assist.stayed", field))


async def planned_wish(gateway: Gateway, incoming: Incoming) -> MadePlan:
    """The plan for a request's prompt, taken for a wish. Raises as `Gateway.choose`; BadPicture."""
    from ...assistant.assistant import Wish, planned_by_nobody
    from .plan_terms import holding_control, terms_of

    request, client = incoming.request, incoming.client
    model = await gateway.choose(request.model)
    terms = await terms_of(gateway, incoming, model)
    picture = None if request.img is None or request.description else await _shown(gateway, client, request.img)
    wished = Wish(request.prompt, terms, picture, request.description or "", client)
    if gateway.assistant is None:
        planned = planned_by_nobody(wished, message("assist.absent"))
    else:
        planned = await gateway.assistant.plan(wished)
    plan = planned.plan
    if planned.failed is None and _may_be_held(request, plan):
        plan = msgspec.structs.replace(plan, control=await holding_control(gateway, model))
    planned = planned._replace(plan=_as_said(plan, request, incoming.filled if planned.failed is None else ()))
    notes = (*incoming.warnings, *planned.warnings)
    asked = _asked_by(planned, request)
    if planned.plan.preset is None:
        return MadePlan(incoming._replace(request=asked, warnings=notes), planned)
    preset = await asyncio.to_thread(gateway.presets.find, planned.plan.preset)
    said = msgspec.structs.replace(incoming.original, preset=preset.name)
    styled = incoming._replace(original=said, request=expanded(asked, preset), warnings=notes)
    return MadePlan(styled, planned)


def _is_revised(gateway: Gateway, incoming: Incoming) -> bool:
    """Does it say nothing of this, and name a model of those whose prompts are revised, as hosted services do?"""
    unsaid = incoming.request.assist is None and incoming.request.assisted is None
    return unsaid and incoming.original.model in gateway.settings.assistant.revise


def _asked_by(planned: Planned, request: GenerateRequest) -> GenerateRequest:
    """The request with the plan in its fields."""
    plan = planned.plan
    changes: dict[str, Any] = {
        "prompt": plan.prompt, "neg": plan.negative or request.neg, "strength": plan.strength,
        "num_steps": plan.steps, "guidance": plan.guidance, "sampler": plan.sampler,
    }  # fmt: skip
    if request.distilled_cfg_scale is not None:  # what is said as guidance beside it is another
        changes["guidance"] = request.guidance
    if plan.loras:
        changes["loras"] = tuple(LoraWish(name=name, weight=_LORA) for name in plan.loras)
    if plan.control is not None and request.img is not None:
        changes["control"] = (
            ControlWish(
                model=plan.control, image=request.img, strength=_CONTROL, end=_CONTROL_UNTIL, resize=request.resize
            ),
        )
    if planned.failed is None:
        changes["assisted"] = summary_of(plan, request.prompt)
    return msgspec.structs.replace(request, **changes)


def summary_of(plan: AssistPlan, wish: str) -> PlanSummary:
    """What a recipe tells of a plan."""
    return PlanSummary(wish=wish, change=plan.change, keep=plan.keep, why=plan.why)


def _as_said(plan: AssistPlan, request: GenerateRequest, filled: Sequence[str]) -> AssistPlan:
    """What the request says itself stands in the plan as it was said, but for what only its dialect filled in."""
    said: dict[str, Any] = {
        "negative": request.neg, "strength": request.strength, "steps": request.num_steps, "sampler": request.sampler,
        "guidance": request.distilled_cfg_scale if request.guidance is None else request.guidance,
    }  # fmt: skip
    said = {name: value for name, value in said.items() if value is not None and name not in filled}
    if request.schedule is not None:
        said.setdefault("sampler", None)  # a schedule belongs to its sampler
    return msgspec.structs.replace(plan, **said)


def _may_be_held(request: GenerateRequest, plan: AssistPlan) -> bool:
    """Is everything to stay where it is, and does the request leave it open how?"""
    from ...assistant.plan import HOLDING

    whole = request.mask is None and request.extend is None and request.variations is None
    return request.img is not None and request.control is None and whole and plan.change in HOLDING


async def _shown(gateway: Gateway, client: str, text: str) -> WishedPicture:
    """A picture as somebody else may see it."""
    from ...assistant.assistant import SIDE, WishedPicture

    _, looked = await gateway.look(client, text, "img", copy="shown", largest=SIDE)
    about = looked.result
    return WishedPicture(looked.copy, about.width, about.height, about.colours)


async def _lacks_memory(gateway: Gateway, assistant: Assistant, request: GenerateRequest) -> bool:
    """Is its models' memory needed for the picture? Of a card only its worker knows what is free, so there it is for
    whatever isn't loaded yet; of main memory it is known."""
    unload = assistant.settings.unload_before_generate
    if unload != "auto":
        return unload == "always"
    model = await gateway.choose(request.model)
    if model.name in gateway.resident() or not assistant.is_here():
        return False
    pool = gateway.pool
    return any(ready.device != "cpu" for ready in pool.ready) or (
        bool(pool.ready) and is_short_for(model, rooms_of(pool))
    )


def _required(why: Message) -> Message:
    return message("assist.required", "assist", value=_REQUIRED, why=why)


def _warned(incoming: Incoming, note: Message) -> Incoming:
    return incoming._replace(warnings=(*incoming.warnings, note))

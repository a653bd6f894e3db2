"""What a plan can say for a request's model, and what there is here that it could use."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ...asking.loras import ChosenLora, loras_from
from ...asking.request import GenerateRequest
from ...asking.resolve import GUIDANCE, NUM_STEPS, Defaults, kind_of, wanted_with
from ...assistant.plan import PlanTerms
from ...families.defaults import bounds_of
from ...families.facts import FamilyFacts
from ...families.table import facts_of, lora_families
from ...registry.identify import LORA
from ...words.beside import CONTROLS, runs
from ...words.entry import Entry
from ...words.map_words import is_for_several, map_meant, words_of
from ...words.model_names import matching
from ...words.preprocessors import NONE, PREPROCESSOR, PREPROCESSORS
from ...words.recipe import Lora
from ...words.samplers import pairs
from ..gateway.gateway import Gateway
from ..http.context import LANGUAGE
from .controls import CONTROLNET
from .fitting import goes_with
from .incoming import Incoming

_MOST = 24
"""LoRAs, and presets, that are offered."""
_SHOWN = 80
"""Characters of what a preset is for."""
_HOLDS = ("softedge", "lineart", "canny", "scribble", "depth")
"""What maps say of where things are without their colours; the softest first, and last what tells only how near."""


async def terms_of(gateway: Gateway, incoming: Incoming, model: Entry) -> PlanTerms:
    """What makes sense to ask of this model, with the LoRAs that the request names."""
    request, entries = incoming.request, await gateway.entries()
    asked = (*loras_from(request.loras), *incoming.tagged)
    files = _files(asked, entries)
    defaults = gateway.defaults_of(model, asked=wanted_with(model, files))
    facts, language = facts_of(model.family), gateway.settings.assistant.language
    bounds = bounds_of(model, [(file, lora.weight) for lora, file in files])
    usual = _usual(request, defaults)
    guidance = bounds.guidance or _with(facts.habit.guidance, usual[1])
    guided = facts.guided(model.variant) != "none"
    return PlanTerms(
        family=model.family or model.name,
        habit=facts.habit,
        tokens=facts.habit.tokens or facts.length_of(model.variant),
        num_steps=bounds.num_steps or _whole(_with(facts.habit.num_steps, usual[0])),
        guidance=guidance if guided else (usual[1], usual[1]),
        usual=usual,
        samplers=() if bounds.num_steps else tuple(pairs(kind_of(model))),
        negates=_negates(facts, model, request, usual[1]),
        picture=request.img is not None,
        mask=request.mask is not None,
        loras={} if asked or defaults.loras else _offered(entries, model),
        triggers=[file.triggers[0] for _, file in files if file.triggers],
        presets={} if incoming.original.preset else await asyncio.to_thread(_presets, gateway),
        language=LANGUAGE.get() if language == "auto" else language,
    )


async def holding_control(gateway: Gateway, model: Entry) -> str | None:
    """The file that holds a picture to where its things are, whose maps can be made here; None where there is none."""
    ranked: list[tuple[int, str]] = []
    entries = await gateway.entries()
    makers = {each.family for each in entries if each.kind == PREPROCESSOR and not each.problem}
    for file in entries:
        if file.kind != CONTROLNET or file.problem or not goes_with(file, model) or not runs(CONTROLS, file, model):
            continue
        meant = NONE if is_for_several(file.name, file.variant) else map_meant(words_of(file.name)) or NONE
        if meant in _HOLDS and (PREPROCESSORS[meant].alone or makers.intersection(PREPROCESSORS[meant].families)):
            ranked.append((_HOLDS.index(meant), file.name))
    return min(ranked)[1] if ranked else None


def _files(asked: Sequence[Lora], entries: Sequence[Entry]) -> list[ChosenLora]:
    """Those of them that are here; what isn't is refused later on."""
    there = {entry.name: entry for entry in entries if entry.kind == LORA and not entry.problem}
    found = [(lora, matching(lora.name, there)) for lora in asked]
    return [ChosenLora(lora, there[name]) for lora, name in found if name is not None]


def _usual(request: GenerateRequest, defaults: Defaults) -> tuple[int, float]:
    steps, guidance = request.num_steps or defaults.num_steps, request.guidance
    guidance = defaults.guidance if guidance is None else guidance
    return steps or NUM_STEPS, float(GUIDANCE if guidance is None else guidance)


def _with(span: tuple[float, float], usual: float) -> tuple[float, float]:
    return min(span[0], usual), max(span[1], usual)


def _whole(span: tuple[float, float]) -> tuple[int, int]:
    return int(span[0]), int(span[1])


def _negates(facts: FamilyFacts, model: Entry, request: GenerateRequest, guidance: float) -> bool:
    """Has a negative prompt a say on it?"""
    if facts.takes_number(model.variant):
        return (request.true_cfg or 0) > 1
    return facts.guided(model.variant) == "cfg" and guidance > 1


def _offered(entries: Sequence[Entry], model: Entry) -> dict[str, Sequence[str]]:
    families = lora_families(model.family)
    fitting = [e for e in entries if e.kind == LORA and not e.problem and e.family in families and goes_with(e, model)]
    plain = [each for each in fitting if not each.distilled]
    return {each.name: each.triggers for each in plain[:_MOST]}


def _presets(gateway: Gateway) -> dict[str, str]:
    of_any = [each for each in gateway.presets.all().values() if each.model is None][:_MOST]
    return {each.name: (each.description or each.prompt_suffix or each.prompt_prefix)[:_SHOWN] for each in of_any}

"""Samplers and schedules by AUTOMATIC1111's names, where a sampler's name may hold its schedule ("DPM++ 2M Karras")."""

from __future__ import annotations

from typing import Any, NamedTuple

from ...asking.resolve import sampler_named
from ...pictures.foreign.infotext import SAMPLERS as THEIRS
from ...pictures.foreign.infotext import SCHEDULES as SCHEDULES_THERE
from ...pictures.foreign.infotext import sampler_from_name
from ...words.errors import ImagineError
from ...words.samplers import NoiseKind, find

AUTOMATIC = "automatic"
_FURTHER = {"default": ("normal",), "sgm uniform": ("SGMUniform",)}
_KARRAS = "karras"


class WebUISchedule(NamedTuple):
    """A schedule as that program lists it."""

    name: str
    label: str
    aliases: tuple[str, ...] = ()


SCHEDULES = (
    WebUISchedule(AUTOMATIC, "Automatic"),
    *(
        WebUISchedule(label.lower().replace(" ", "_"), label, _FURTHER.get(ours, ()))
        for ours, label in SCHEDULES_THERE.items()
    ),
)


class ChosenSampler(NamedTuple):
    """A sampler and its schedule, by our names where there are such; None: not said."""

    sampler: str | None
    schedule: str | None
    beside: str | None = None
    """A schedule that was said as well and has no effect: the sampler's name says another."""


def chosen_sampler(name: str | None, scheduler: str | None, kind: NoiseKind, steps: int) -> ChosenSampler:
    """What is meant by a sampler's name and a scheduler's, on a model of that kind in so many steps.

    A name that nothing here has stays as it is, for `resolve` to refuse.
    """
    plain = (scheduler or "").strip().lower()
    said = None if plain in ("", AUTOMATIC) else _NAMED.get(plain, scheduler)
    if not name:
        return ChosenSampler(None, said)
    sampler, held = _parted(name)
    if held is not None:
        return ChosenSampler(sampler, held, scheduler if said not in (None, held) else None)
    return ChosenSampler(sampler, said or automatic_schedule(sampler, kind, steps))


def automatic_schedule(sampler: str, kind: NoiseKind, steps: int) -> str | None:
    """What that program takes with this sampler, where it runs so here; None for the model's own spacing."""
    schedule = None if kind == "flow" else sampler_from_name(sampler, AUTOMATIC)[1]
    try:
        find(sampler, schedule or "default", steps, kind)
    except ImagineError:
        return None
    return None if schedule == "default" else schedule


def listed_samplers() -> list[dict[str, Any]]:
    """As `/sdapi/v1/samplers` lists them."""
    return [
        {
            "name": theirs,
            "aliases": _aliases(ours),
            "options": {"scheduler": _KARRAS} if sampler_from_name(theirs, AUTOMATIC)[1] == _KARRAS else {},
        }
        for ours, theirs in THEIRS.items()
    ]


def listed_schedules() -> list[dict[str, Any]]:
    """As `/sdapi/v1/schedulers` lists them."""
    return [
        {"name": each.name, "label": each.label, "aliases": [*each.aliases], "default_rho": -1.0}
        | {"need_inner_model": False}
        for each in SCHEDULES
    ]


def _parted(name: str) -> tuple[str, str | None]:
    """The sampler, and the schedule that its name ends in."""
    lowered = name.strip().lower()
    for ending in sorted(_NAMED, key=len, reverse=True):
        if lowered.endswith(f" {ending}"):
            return sampler_named(name.strip()[: -len(ending) - 1])[0], _NAMED[ending]
    return sampler_named(name)


def _aliases(ours: str) -> list[str]:
    """Other names that are understood: as k-diffusion has it, too."""
    other = f"k_{ours}".replace("++ ", "pp_").replace("++", "pp").replace(" ", "_")
    return [ours, *([other] if sampler_named(other)[0] == ours else [])]


def _named() -> dict[str, str]:
    """Our schedules by each of the names that they have there."""
    names = dict[str, str]()
    for ours, each in zip(SCHEDULES_THERE, SCHEDULES[1:], strict=True):
        names |= dict.fromkeys((text.lower() for text in (each.name, each.label, *each.aliases)), ours)
    return names


_NAMED = _named()

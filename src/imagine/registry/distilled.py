"""Checkpoints that were made to take few steps (Turbo, Lightning, LCM, Hyper, DMD2 …): how to tell, and what they want.

The tensors don't tell: metadata, a diffusers scheduler or a name does. The numbers are those of each model's card:
SDXL-Turbo, ByteDance's SDXL-Lightning and Hyper-SD, latent-consistency, tianweiy/DMD2, h1t/TCD, wangfuyun/PCM,
FLUX.1-schnell, FLUX.2-klein, Z-Image-Turbo, Sana Sprint.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from .entry import Entry
from .families import facts_of

_FEW = 16
"""The most steps that a distilled model is said to be made for."""


class Recipe(NamedTuple):
    """What a model wants where nobody says otherwise; None where it wants nothing in particular."""

    num_steps: int | None = None
    guidance: float | None = None
    sampler: str | None = None
    schedule: str | None = None


RECIPES = {
    "turbo": Recipe(4, 1.0, "euler a", "sgm uniform"),
    "lightning": Recipe(4, 1.0, "euler", "sgm uniform"),
    "hyper": Recipe(8, 1.0, "ddim", "sgm uniform"),
    "lcm": Recipe(6, 1.0, "lcm", "default"),
    "dmd2": Recipe(4, 1.0, "lcm", "default"),
    "tcd": Recipe(4, 1.0, "tcd", "default"),
    "pcm": Recipe(4, 1.0, "ddim", "sgm uniform"),
}
"""Of the families that our own samplers drive; a guidance of 1 is none."""
_OF_PIPELINES = {
    ("flux", "schnell"): Recipe(4, 0.0),
    ("flux", "turbo"): Recipe(8, 3.5),
    ("flux", "hyper"): Recipe(8, 3.5),
    ("flux2", "klein"): Recipe(4, 1.0),
    ("z-image", "turbo"): Recipe(9, 0.0),
    ("qwen-image", "lightning"): Recipe(8, 1.0),
    ("sd3.5", "turbo"): Recipe(4, 0.0),
    ("krea2", "turbo"): Recipe(8, 0.0),
    ("sana", "sprint"): Recipe(2, 4.5),
}
"""Of those that run as diffusers' pipelines, by family: each brings a sampler of its own."""

# In names, words run together (`dreamshaperXL_v21TurboDPMSDE`); of short ones only whole ones count. A pattern is
# compiled once a text has its word: compiling all would be a tenth of the start of `imagine list`.
_WORDS = (
    ("dmd2", "dmd", r"(?i:dmd-?2)|(?<![A-Za-z])(?i:dmd)(?![A-Za-z])"),
    ("lightning", "lightning", ""),
    ("turbo", "turbo", ""),
    ("hyper", "hyper", r"(?i:hyper[-_ ]?(?:sd|flux|[0-9]{1,2}[-_ ]?step))|(?<![A-Z])(?i:hyper)(?![A-Za-z])"),
    ("lcm", "lcm", r"(?<![A-Za-z])(?i:lcm)(?![A-Za-z])|(?<=[a-z0-9])LCM(?![a-z])"),
    ("tcd", "tcd", r"(?<![A-Za-z])(?i:tcd)(?![A-Za-z])"),
    ("pcm", "pcm", r"(?<![A-Za-z])(?i:pcm)(?![A-Za-z])"),
    ("schnell", "schnell", ""),
    ("klein", "klein", r"(?i:klein)(?!.*(?i:base))"),
    ("sprint", "sprint", ""),
)
_STEPS = r"(?<![0-9])([0-9]{1,2})[-_ ]?(?i:steps?)(?![a-z])"
_TOLD_BY = ("modelspec.title", "modelspec.architecture", "modelspec.tags")
_SCHEDULERS = {"LCMScheduler": "lcm", "TCDScheduler": "tcd"}
_NOTHING: Mapping[str, Any] = {}


def distilled_by(name: str, metadata: Mapping[str, str], scheduler: Mapping[str, Any] = _NOTHING) -> str:
    """How a checkpoint of this `name` was distilled, with `:` and its steps where they are said (`lightning:8`); "".

    `scheduler` is the diffusers configuration of its scheduler, where there is one.
    """
    texts = [*(metadata[key] for key in _TOLD_BY if key in metadata), name]
    how = next(filter(None, map(_word_in, texts)), "") or _by_scheduler(scheduler)
    if not how:
        return ""
    steps = next((int(match[1]) for text in texts if (match := re.search(_STEPS, text))), 0)
    return f"{how}:{steps}" if 1 <= steps <= _FEW else how


def _word_in(text: str) -> str:
    lowered = text.lower()
    return next((how for how, word, form in _WORDS if word in lowered and re.search(form, text)), "")


def _by_scheduler(scheduler: Mapping[str, Any]) -> str:
    """By its class; ancestral steps that are spaced from the end are those of the two Turbo checkpoints."""
    named = str(scheduler.get("_class_name"))
    if named == "EulerAncestralDiscreteScheduler" and scheduler.get("timestep_spacing") == "trailing":
        return "turbo"
    return _SCHEDULERS.get(named, "")


def recipe_of(model: Entry) -> Recipe:
    """What this model wants: as it was distilled, else what its family's pipeline takes."""
    facts = facts_of(model.family)
    how, _, steps = model.distilled.partition(":")
    recipe = RECIPES.get(how) if facts.single_file else _OF_PIPELINES.get((model.family, how))
    if recipe is None:
        return Recipe(facts.num_steps, facts.guidance)
    return recipe._replace(num_steps=int(steps)) if steps else recipe


def wishes(model: Entry) -> dict[str, Any]:
    """The same, and the VAE that lies beside it, by the names of a request's fields."""
    said = recipe_of(model)._asdict() | {"vae": model.vae or None}
    return {name: value for name, value in said.items() if value is not None}

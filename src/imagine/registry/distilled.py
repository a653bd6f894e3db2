"""Checkpoints that were made to take few steps (Turbo, Lightning, LCM, Hyper, DMD2 …): how to tell.

The tensors don't tell: metadata, a diffusers scheduler or a name does. What they want stands in their families' rows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_FEW = 16
"""The most steps that a distilled model is said to be made for."""


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
    ("sprint", "sprint", ""),
)
_STEPS = r"(?<![0-9])([0-9]{1,2})[-_ ]?(?i:steps?)(?![a-z])"
_TOLD_BY = ("modelspec.title", "modelspec.architecture", "modelspec.tags")
_ABBREVIATIONS = frozenset({"dmd2", "lcm", "tcd", "pcm"})
"""Those that are no words of any language."""
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


def distilling(name: str, metadata: Mapping[str, str]) -> str:
    """The same of a LoRA that has any model take few steps; "" for one that only has such a word in its name.

    Lightning and turbos are drawn, too: besides the word there must be a number of steps, or that it is a LoRA. Those
    that keep guidance (`…-CFG-…`) are made for it, and say nothing that holds for all of them.
    """
    how = distilled_by(name, metadata)
    word, _, steps = how.partition(":")
    told = " ".join([*(metadata[key] for key in _TOLD_BY if key in metadata), name])
    if re.search(r"(?i:(?<![a-z])cfg(?![a-z]))", told):
        return ""
    return how if steps or word in _ABBREVIATIONS or "lora" in told.lower() else ""


def _word_in(text: str) -> str:
    lowered = text.lower()
    return next((how for how, word, form in _WORDS if word in lowered and re.search(form, text)), "")


def _by_scheduler(scheduler: Mapping[str, Any]) -> str:
    """By its class; ancestral steps that are spaced from the end are those of the two Turbo checkpoints."""
    named = str(scheduler.get("_class_name"))
    if named == "EulerAncestralDiscreteScheduler" and scheduler.get("timestep_spacing") == "trailing":
        return "turbo"
    return _SCHEDULERS.get(named, "")

"""Samplers and schedulers by ComfyUI's names."""

from __future__ import annotations

from typing import NamedTuple

from ...messages import Message, message
from ...pictures.foreign.samplers import sampler_from_other, schedule_from_other
from ...words.errors import ImagineError
from ...words.samplers import SAMPLERS, NoiseKind, find

_THEIRS = {
    "euler a": "euler_ancestral", "dpm++ 2m": "dpmpp_2m", "dpm++ 2s": "dpmpp_2s", "dpm++ sde": "dpmpp_sde",
    "dpm2": "dpm_2", "dpm2 a": "dpm_2_ancestral", "dpm++ 2m sde": "dpmpp_2m_sde", "dpm++ 3m sde": "dpmpp_3m_sde",
    "unipc": "uni_pc",
}  # fmt: skip
NAMES = {_THEIRS.get(ours, ours): ours for ours in SAMPLERS}
"""Our samplers by their names there."""
SCHEDULERS = {
    "normal": "default", "karras": "karras", "exponential": "exponential", "sgm_uniform": "sgm uniform",
    "simple": "simple", "beta": "beta",
}  # fmt: skip
"""Our schedules likewise."""


class SampledBy(NamedTuple):
    """A sampler and its schedule, by our names where there are such."""

    sampler: str
    schedule: str
    warnings: tuple[Message, ...] = ()


def sampled_by(sampler: str, scheduler: str, kind: NoiseKind, steps: int) -> SampledBy:
    """What is meant by both names, on a model of that kind; a schedule that the sampler hasn't there is its default.

    A name that nothing here has stays as it is, for `resolve` to refuse.
    """
    named, implied = sampler_from_other(sampler)
    ours = named or sampler[:40]
    schedule = SCHEDULERS.get(scheduler) or schedule_from_other(scheduler) or implied
    if schedule is None:
        return SampledBy(ours, scheduler[:40])
    if _runs(ours, schedule, kind, steps) or not _runs(ours, "default", kind, steps):
        return SampledBy(ours, schedule)
    return SampledBy(ours, "default", (message("comfy.made_as", "schedule", value=scheduler, used="normal"),))


def _runs(sampler: str, schedule: str, kind: NoiseKind, steps: int) -> bool:
    try:
        find(sampler, schedule, steps, kind)
    except ImagineError:
        return False
    return True

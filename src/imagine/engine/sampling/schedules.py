"""The diffusers scheduler of one job: the class of its sampler, configured, with its noise levels set.

Which class and options a sampler has, the table in `imagine.words.samplers` says; which option of that class makes a
schedule, this file does, by what the class accepts.
"""

from __future__ import annotations

import copy
import functools
import inspect
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...words.samplers import SAMPLERS, SamplerRow
from ..libraries.light import SCHEDULERS
from . import solvers
from .drawn import drawing
from .noise import Noise

_SIGMA_OPTIONS = {"karras": "use_karras_sigmas", "exponential": "use_exponential_sigmas", "beta": "use_beta_sigmas"}


def scheduler_for(row: SamplerRow, schedule: str, noise: Noise, steps: int) -> Any:
    """A scheduler of one's own, on the CPU, its `steps` set and none of them taken. The pair must exist."""
    # Some classes take 0.1 s and more to construct; a copy of a pristine one takes less than a millisecond.
    return copy.deepcopy(_pristine(row.name, schedule, noise, steps))


def signal_levels(noise: Noise) -> Tensor:
    """How much of a picture is left at each of its training's timesteps, (train_steps,): the square root of alpha-bar.

    Not of a flow, whose levels are the timesteps themselves.
    """
    scheduler = _constructed("ddim", "DDIMScheduler", "default", noise, "leading")
    levels: Tensor = scheduler.alphas_cumprod.sqrt()
    return levels


@functools.lru_cache(maxsize=512)  # a flow whose levels are shifted by size has some of each size
def _pristine(name: str, schedule: str, noise: Noise, steps: int) -> Any:
    row = SAMPLERS[name]
    if noise.prediction == "flow":
        return _flow_scheduler(row, schedule, noise, steps)
    spacing = _spacing(row, schedule, noise, steps)
    scheduler = _constructed(name, row.scheduler, schedule, noise, spacing)
    if _can(scheduler, schedule):
        return _timed(scheduler, schedule, noise, steps)
    donor = _timed(_constructed(name, row.spaced_by, schedule, noise, spacing), schedule, noise, steps)
    scheduler = _timed(scheduler, "default", noise, steps)
    scheduler.sigmas, scheduler.timesteps = donor.sigmas, donor.timesteps
    return scheduler


@functools.lru_cache(maxsize=64)
def _constructed(name: str, scheduler: str, schedule: str, noise: Noise, spacing: str) -> Any:
    made = _class(scheduler)
    accepted = _parameters(made)
    config: dict[str, Any] = {
        "num_train_timesteps": noise.train_steps,
        "beta_start": noise.beta_start,
        "beta_end": noise.beta_end,
        "beta_schedule": noise.beta_schedule,
        "prediction_type": noise.prediction,
        "timestep_spacing": spacing,
        # In the published scheduler files of Stable Diffusion 1, 2 and XL alike; it moves `leading` only.
        "steps_offset": 1,
        **(SAMPLERS[name].options if scheduler == SAMPLERS[name].scheduler else {}),
    }
    if option := _SIGMA_OPTIONS.get(schedule):
        config[option] = True
    if noise.zero_snr and "rescale_betas_zero_snr" in accepted:
        config["rescale_betas_zero_snr"] = True
    elif noise.zero_snr:
        config["trained_betas"] = _zero_snr_betas(noise)
    return made(**{key: value for key, value in config.items() if key in accepted})


def _timed(constructed: Any, schedule: str, noise: Noise, steps: int) -> Any:
    scheduler = copy.deepcopy(constructed)
    total = noise.train_steps
    if schedule == "simple":
        scheduler.set_timesteps(timesteps=[total - 1 - i * total // steps for i in range(steps)], device="cpu")
    elif schedule == "sgm uniform" and "timestep_spacing" not in _parameters(type(scheduler)):
        trailing = [round(total - i * total / steps) - 1 for i in range(steps)]
        scheduler.set_timesteps(timesteps=trailing, device="cpu")
    else:
        scheduler.set_timesteps(steps, device="cpu")
    return scheduler


def _flow_scheduler(row: SamplerRow, schedule: str, noise: Noise, steps: int) -> Any:
    assert row.flow is not None
    own = row.options if row.flow.scheduler == row.scheduler else {}
    # Of 32 bits as the levels are: else the first, which is pure noise, may come out above 1.
    shift = float(np.float32(noise.shift))
    config = {**own, **row.flow.options, row.flow.shift: shift, "num_train_timesteps": noise.train_steps}
    if option := _SIGMA_OPTIONS.get(schedule):
        config[option] = True
    made = _class(row.flow.scheduler)
    stretches = "shift_terminal" in _parameters(made)
    terminal = noise.terminal if steps > 1 else 0.0  # a single level is pure noise
    scheduler = made(**config, **({"shift_terminal": terminal} if terminal and stretches else {}))
    even = schedule in ("sgm uniform", "simple") or (schedule == "default" and noise.spacing == "trailing")
    if even and "sigmas" in _parameters(scheduler.set_timesteps):
        scheduler.set_timesteps(sigmas=np.linspace(1, 1 / steps, steps), device="cpu")
    else:
        scheduler.set_timesteps(steps, device="cpu")
    if terminal and not stretches:
        _stretch(scheduler, terminal, noise.train_steps)
    return scheduler


def _stretch(scheduler: Any, terminal: float, train_steps: int) -> None:
    """Have the last of a flow's levels above 0 be `terminal`, and the others as much further from 1: what diffusers'
    `stretch_shift_to_terminal` does in classes that have it."""
    sigmas, timesteps = scheduler.sigmas, scheduler.timesteps
    by = (1 - terminal) / (1 - sigmas[sigmas > 0].min())
    scheduler.sigmas = torch.where(sigmas > 0, 1 - (1 - sigmas) * by, sigmas)
    moved = 1 - (1 - timesteps.to(sigmas.dtype) / train_steps) * by
    scheduler.timesteps = (moved * train_steps).to(timesteps.dtype)


def _spacing(row: SamplerRow, schedule: str, noise: Noise, steps: int) -> str:
    # A single evaluation belongs at the noisiest timestep; linspace and leading would put it at the cleanest.
    if schedule == "sgm uniform" or steps == 1:
        return "trailing"
    if schedule == "default":
        return "trailing" if noise.zero_snr else noise.spacing or row.spacing
    return row.spacing


def _can(scheduler: Any, schedule: str) -> bool:
    if option := _SIGMA_OPTIONS.get(schedule):
        return option in _parameters(type(scheduler))
    return schedule != "simple" or "timesteps" in _parameters(scheduler.set_timesteps)


def _class(name: str) -> Any:
    return drawing(getattr(solvers, name, None) or SCHEDULERS[name])


def _parameters(scheduler: Any) -> set[str]:
    return set(inspect.signature(scheduler).parameters)


def _zero_snr_betas(noise: Noise) -> list[float]:
    """Betas for the classes that can't rescale theirs: the same, with diffusers' own clamp of the last level."""
    rescaled = SCHEDULERS["EulerDiscreteScheduler"](
        num_train_timesteps=noise.train_steps,
        beta_start=noise.beta_start,
        beta_end=noise.beta_end,
        beta_schedule=noise.beta_schedule,
        rescale_betas_zero_snr=True,
    )
    left = rescaled.alphas_cumprod
    betas: list[float] = rescaled.betas.tolist()
    return [*betas[:-1], 1 - float(left[-1] / left[-2])]

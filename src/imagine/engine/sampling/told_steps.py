"""Steps of samplers that are told how much noise to add: k-diffusion's, by what the denoiser sees as clean.

Algorithm 2 of Karras et al. 2022 (https://arxiv.org/abs/2206.00364), whose `churn` is added before the denoiser is
asked, which diffusers' classes can't do; and ancestral steps, whose noise is only a part `eta` of what they have by
themselves. Latents are x0 + sigma · noise.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ...words.samplers import SamplerOptions, SamplerRow
from .drawn import drawn

_MOST = math.sqrt(2) - 1
"""Of a level, that churn raises it by at most."""


def can_step(row: SamplerRow) -> bool:
    """Are a sampler's steps here where it is told anything?"""
    return row.churns or (row.eta is not None and row.state == "ve")


class AskedAt(NamedTuple):
    """What an evaluation asks the denoiser at."""

    sigma: float
    timestep: float
    begins: bool
    """It is the first of a step."""


class _Step(NamedTuple):
    """From `level`, by `noise` more, to `down`, and by `up` of new noise to the next level."""

    level: float
    raised: float
    down: float
    up: float


class ToldSteps:
    """Those of one picture, with its first evaluation in the place of a schedule's that is `begun`."""

    def __init__(self, row: SamplerRow, scheduler: Any, options: SamplerOptions, begun: int) -> None:
        self._row, self._options = row, options
        levels = [float(sigma) for sigma in _levels(row, scheduler)]
        steps = [self._told(level, after, len(levels) - 1) for level, after in pairwise(levels)]
        self._steps = steps[begun // row.evaluations :]
        trained = ((1 - scheduler.alphas_cumprod) / scheduler.alphas_cumprod).sqrt().log().numpy()
        self.asked = [
            AskedAt(sigma, _timestep(sigma, trained), sigma == step.raised)
            for step in self._steps
            for sigma in self._sigmas(step)
        ]
        """For each evaluation."""
        self._held: tuple[Tensor, Tensor] | None = None
        """Of a step's first evaluation: latents before it, and where they go."""

    def churned(self, index: int, latents: Tensor, generator: torch.Generator) -> Tensor:
        """Latents at the level of an evaluation, with the noise that its step begins with."""
        step = self._steps[index // self._row.evaluations]
        if index % self._row.evaluations or step.raised == step.level:
            return latents
        by = math.sqrt(step.raised**2 - step.level**2) * self._options.s_noise
        return torch.add(latents, _noise(latents, generator), alpha=by)

    def step(self, index: int, latents: Tensor, clean: Tensor, generator: torch.Generator | None) -> Tensor:
        """What an evaluation makes of latents that the denoiser sees as `clean`."""
        step, asked = self._steps[index // self._row.evaluations], self.asked[index].sigma
        slope = (latents - clean) / asked
        if self._held is None and self._is_followed(step):
            self._held = latents, slope
            return latents + slope * (self.asked[index + 1].sigma - asked)
        if self._held is not None:
            latents, first = self._held
            slope = (first + slope) / 2 if self._ends_there else slope
            self._held = None
        made = latents + slope * (step.down - step.raised)
        if step.up and generator is not None:
            made = torch.add(made, _noise(made, generator), alpha=step.up * self._options.s_noise)
        return made

    @property
    def _ends_there(self) -> bool:
        """The second evaluation of a step is at its end (Heun), not in its middle."""
        return self._row.midpoint == "end" and self._row.eta is None

    def _is_followed(self, step: _Step) -> bool:
        return self._row.evaluations == 2 and step.down > 0

    def _sigmas(self, step: _Step) -> list[float]:
        """Where the denoiser is asked."""
        if not self._is_followed(step):
            return [step.raised]
        return [step.raised, step.down if self._ends_there else math.sqrt(step.raised * step.down)]

    def _told(self, level: float, after: float, steps: int) -> _Step:
        options, row = self._options, self._row
        if row.eta is not None:
            eta = row.eta if options.eta is None else options.eta
            up = min(after, eta * math.sqrt(after**2 * (level**2 - after**2) / level**2))
            return _Step(level, level, math.sqrt(after**2 - up**2), up)
        within = options.s_tmin <= level <= (math.inf if options.s_tmax is None else options.s_tmax)
        return _Step(level, level * (1 + (min(options.s_churn / steps, _MOST) if within else 0.0)), after, 0.0)


def _levels(row: SamplerRow, scheduler: Any) -> list[Tensor]:
    """A whole schedule's, one a step and then none: classes of two evaluations have each twice."""
    count = (len(scheduler.timesteps) + row.evaluations - 1) // row.evaluations
    sigmas: Tensor = scheduler.sigmas
    return [*sigmas[: count * row.evaluations : row.evaluations], torch.zeros(())]


def _timestep(sigma: float, trained: np.ndarray[Any, Any]) -> float:
    """That of a noise level, between the training's, by the logarithms of these."""
    return float(np.interp(math.log(sigma), trained, np.arange(len(trained))))


def _noise(latents: Tensor, generator: torch.Generator) -> Tensor:
    return drawn(tuple(latents.shape), generator, latents.device, latents.dtype)

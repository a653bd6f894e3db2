"""One job's way from noise to clean latents, an evaluation of the denoiser at a time.

The engine asks for each evaluation's `timestep` and `scale`d input, runs the denoiser over many jobs at once, and
hands each job's output to its `step`. The algorithms are diffusers' schedulers; their table is `words.samplers`.
"""

from __future__ import annotations

import hashlib
import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ...messages import message
from ...words.errors import BadRequest, Unsupported
from ...words.recipe import MAX_SEED
from ...words.samplers import NoiseKind, SamplerOptions, SamplerRow, find
from .drawn import drawn
from .noise import Noise
from .schedules import scheduler_for
from .solvers import BrownianPath
from .told_steps import AskedAt, ToldSteps, can_step

__all__ = ["Noise", "Sampler", "noise_seed", "steps_run"]


class _Evaluation(NamedTuple):
    """One evaluation: its timestep, as a number and as the scheduler wants it; latents are signal·x0 + sigma·noise
    there; and x0 is `of_latents`·latents + `of_output`·output of the denoiser."""

    timestep: float
    given: Tensor
    signal: float
    sigma: float
    of_latents: float
    of_output: float


class Sampler:
    """One sampler of one job, with a scheduler and random numbers of its own. Latents are float32, (1, C, h, w).

    `steps` of the user's are asked for. With a source picture, only the last `strength` of them are run (`steps_run`).

    `evaluations` is how often the denoiser will be asked, `index` how often it was, `steps` the user's steps that
    are run. A step of a second-order sampler asks twice, its last one once: 2·steps − 1 in all. `train_steps` is
    how many timesteps the noise process has.

    Raises `BadRequest` or `Unsupported` before any work, naming the field: `sampler`, `schedule`, `num_steps`,
    `strength`, `seed`, or `model`.
    """

    def __init__(
        self, name: str, schedule: str, noise: Noise, steps: int, *, seed: int, strength: float = 1.0,
        options: SamplerOptions | None = None, further: torch.Generator | None = None,
    ) -> None:  # fmt: skip
        """`options` are those that the sampler heeds on such a model. `further` draws the noise on the way; None: what
        the seed says of it."""
        row = find(name, schedule, steps, noise.kind)
        _check(noise, seed, strength)
        self._row = row
        self._scheduler = scheduler_for(row, schedule, noise, steps)
        self.train_steps = noise.train_steps
        self._seed = noise_seed(seed)
        self._options = options or SamplerOptions()
        draws = row.random == "drawn" or bool(self._options.eta or self._options.s_churn)
        own = further or torch.Generator("cpu").manual_seed(self._seed)
        self._generator = own if draws else None
        self.steps = steps_run(steps, strength, noise.kind)
        self._skipped = (steps - self.steps) * row.evaluations
        self._levels = _levels(row, self._scheduler, noise.prediction)[self._skipped :]
        self._told: ToldSteps | None = None
        if options is not None and can_step(row):
            self._told = ToldSteps(row, self._scheduler, options, self._skipped)
            self._levels = [_told(*each, noise.prediction) for each in zip(self._levels, self._told.asked, strict=True)]
        self.churns = self._told is not None and self._options.s_churn > 0
        """Its steps begin with more noise: see `churned`."""
        self._scaled = row.state == "ve" and noise.prediction != "flow"
        if hasattr(self._scheduler, "set_begin_index"):
            self._scheduler.set_begin_index(self._skipped)
        self.evaluations = len(self._levels)
        self.index = 0

    @property
    def done(self) -> bool:
        """No evaluation is left: the latents are the result."""
        return self.index == self.evaluations

    @property
    def user_step(self) -> int:
        """How many of the user's steps are complete."""
        return self.steps if self.done else self.index // self._row.evaluations

    @property
    def timestep(self) -> float:
        """What to tell the denoiser at this evaluation; not always whole."""
        return self._levels[self.index].timestep

    @property
    def timesteps(self) -> list[float]:
        """Those of all evaluations."""
        return [level.timestep for level in self._levels]

    def start(self, noise: Tensor, source: Tensor | None = None) -> Tensor:
        """The first latents, from standard normal `noise`, and a picture's latents where there is one."""
        if source is not None:
            return self.noised(source, noise)
        assert not self._skipped, "strength below 1 needs a source"
        return noise.float() * float(getattr(self._scheduler, "init_noise_sigma", 1.0))

    def scale(self, latents: Tensor) -> Tensor:
        """The denoiser's input at this evaluation."""
        if not self._scaled:
            return latents
        if self._told is not None:
            return latents / math.hypot(1, self._told.asked[self.index].sigma)
        scaled: Tensor = self._scheduler.scale_model_input(latents, self._levels[self.index].given)
        return scaled

    def step(self, output: Tensor, latents: Tensor) -> tuple[Tensor, Tensor]:
        """The next latents, and the clean latents that this evaluation predicts. `output` is the denoiser's, guided."""
        level = self._levels[self.index]
        output = output.float()
        clean = torch.add(latents * level.of_latents, output, alpha=level.of_output)
        if self._told is not None:
            latents = self._told.step(self.index, latents, clean, self._generator)
        else:
            latents = self._scheduler.step(output, level.given, latents, return_dict=False, **self._extra(latents))[0]
        self.index += 1
        return latents, clean

    def churned(self, latents: Tensor) -> Tensor:
        """Latents at the coming evaluation's level, with the noise that a step of it may begin with."""
        if self._told is None or self.done or self._generator is None:
            return latents
        return self._told.churned(self.index, latents, self._generator)

    def noised(self, source: Tensor, noise: Tensor) -> Tensor:
        """A picture's clean latents at the noise level of the coming evaluation; clean when none is left."""
        if self.done:
            return source.float()
        level = self._levels[self.index]
        return torch.add(source.float() * level.signal, noise.float(), alpha=level.sigma)

    def _extra(self, latents: Tensor) -> dict[str, Any]:
        if self._generator is not None:
            return {"generator": self._generator} | self._loudness(latents)
        if self._row.history:
            # The class takes its history to be as long as the schedule's index, which isn't so after a late start.
            return {"order": min(self.index + 1, self._row.history)}
        if self._row.random == "brownian" and self.index == 0:
            sigmas = self._scheduler.sigmas
            self._scheduler.noise_sampler = BrownianPath(latents.shape, sigmas, self._seed, latents.device)
        return {"s_noise": self._options.s_noise} if self._row.random == "brownian" else {}

    def _loudness(self, latents: Tensor) -> dict[str, Any]:
        """What a step is told of how much noise it adds; nothing where that is as it is by itself."""
        if self._options.eta is not None:
            return {"eta": self._options.eta}
        if self._options.s_noise == 1:
            return {}
        assert self._generator is not None
        noise = drawn(tuple(latents.shape), self._generator, latents.device, latents.dtype)
        return {"variance_noise": noise * self._options.s_noise}


def steps_run(steps: int, strength: float, kind: NoiseKind) -> int:
    """How many of the user's `steps` are run at a strength, as diffusers' image-to-image has it for a checkpoint of
    that kind: ⌊steps·strength⌋, of a flow rounded up instead; but at least one, and none at strength 0."""
    if strength <= 0:
        return 0
    run = min(steps * strength, steps)
    # The floor is of what is left out there, which is not always what rounding up would leave out.
    return max(1, steps - int(steps - run) if kind == "flow" else int(run))


def noise_seed(seed: int) -> int:
    """The seed of the noise that a stochastic sampler adds, from the picture's: 63 bits of a SHA-256.

    The picture's own seed makes the initial noise; the same numbers again, added on the way, would mar the picture.
    """
    return int.from_bytes(hashlib.sha256(f"imagine sampler noise {seed}".encode()).digest()[:8]) >> 1


def _check(noise: Noise, seed: int, strength: float) -> None:
    if noise.zero_snr and noise.prediction == "epsilon":
        raise Unsupported(message("model.zero_snr", "model"))
    if not 0 <= strength <= 1:
        raise BadRequest(message("value.range", "strength", value=strength, least=0, most=1))
    if not 0 <= seed <= MAX_SEED:
        raise BadRequest(message("value.range", "seed", value=seed, least=0, most=MAX_SEED))


def _levels(row: SamplerRow, scheduler: Any, prediction: str) -> list[_Evaluation]:
    levels = []
    for i, given in enumerate(scheduler.timesteps.unbind()):
        signal, sigma = _mix(row, scheduler, prediction, i)
        levels.append(_Evaluation(float(given), given, signal, sigma, *_clean_from(prediction, signal, sigma)))
    return levels


def _told(level: _Evaluation, asked: AskedAt, prediction: str) -> _Evaluation:
    """An evaluation of steps that are told: what is kept of a picture is raised with the rest of it."""
    of_latents, of_output = _clean_from(prediction, 1.0, asked.sigma)
    sigma = level.sigma if asked.begins else asked.sigma
    return _Evaluation(asked.timestep, level.given, 1.0, sigma, of_latents, of_output)


def _mix(row: SamplerRow, scheduler: Any, prediction: str, i: int) -> tuple[float, float]:
    """What of picture and of noise the latents hold at evaluation `i` of the whole schedule."""
    if prediction == "flow":
        sigma = float(scheduler.sigmas[i])
        return 1 - sigma, sigma
    if row.state == "discrete":
        kept = float(scheduler.alphas_cumprod[int(scheduler.timesteps[i])])
        return math.sqrt(kept), math.sqrt(1 - kept)
    sigma = float(scheduler.sigmas[i])
    if row.midpoint == "geometric" and i % 2:
        sigma = math.sqrt(float(scheduler.sigmas[i - 1]) * sigma)
    scale = math.hypot(1, sigma) if row.state == "vp" else 1.0
    return 1 / scale, sigma / scale


def _clean_from(prediction: str, signal: float, sigma: float) -> tuple[float, float]:
    """The weights of latents and output in x0; for v, Salimans & Ho 2022, appendix D, on latents of any scale."""
    if prediction == "epsilon":
        return 1 / signal, -sigma / signal
    if prediction == "flow":
        return 1.0, -sigma
    scale = math.hypot(signal, sigma)
    return signal / scale**2, -sigma / scale

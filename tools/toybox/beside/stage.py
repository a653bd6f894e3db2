"""The stage of whatever learns beside the finished denoiser: that takes noise off drawings, and stays as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from imagine.training.loop import random_numbers, torch_numbers
from imagine.training.optimizer import warm_then_decay
from tools.toybox.beside.drawings import SEED
from tools.toybox.beside.finished import Finished, noise_of
from tools.toybox.denoiser import solver, thing_weights
from tools.toybox.models import GUIDANCE, alphas_cumprod
from tools.toybox.training import Optimizer, to_grid, to_picture
from tools.toybox.world import Scene

STEPS = 16
"""Of a picture that shows how far it is."""


class Given(Protocol):
    """What is given beside a prompt."""

    def to(self, dtype: torch.dtype) -> Any: ...


class Lesson(NamedTuple):
    """A batch: what shall be drawn, as a scene and as latents, what is said of it, and what is given beside that."""

    scenes: Sequence[Scene]
    clean: Tensor
    captions: Sequence[str]
    given: Given


class Trial(NamedTuple):
    """Pictures to be drawn on the way: their prompts, what is given beside, and whether each shows what it should."""

    prompts: Sequence[str]
    given: Given
    right: Sequence[Any]
    """What each is judged by."""


class Learner(Protocol):
    """What stands beside the denoiser."""

    name: str

    @property
    def module(self) -> nn.Module:
        """Whose parameters learn, those of them that want a gradient."""

    def lesson(self, rng: np.random.Generator, batch: int) -> Lesson: ...

    def guess(self, noisy: Tensor, timesteps: Tensor, context: Tensor, given: Any) -> Tensor:
        """The denoiser's answer, with this beside it, in the dtype that it is asked in."""

    def both(self, given: Any) -> Given:
        """For guidance: what is given on its negative side, then this."""

    def trials(self) -> Sequence[Trial]: ...

    def is_right(self, picture: Image.Image, wanted: Any) -> bool: ...


class BesideStage:
    """Trains a learner."""

    def __init__(
        self, learner: Learner, finished: Finished, *, steps: int, batch: int = 40, rate: float = 1e-3,
        decay: float = 0.6, noisy: float = 0.6, average: float = 0.99, compute: torch.dtype = torch.bfloat16,
    ) -> None:  # fmt: skip
        self.name, self.steps = learner.name, steps
        self._learner, self._finished = learner, finished
        self._batch, self._decay, self._noisy, self._compute = batch, decay, noisy, compute
        self._signal, self._noise = alphas_cumprod().sqrt(), (1 - alphas_cumprod()).sqrt()
        self._optimizer = Optimizer(learner.module, rate, compute=compute, average=average, weight_decay=0.0)

    def step(self, index: int) -> dict[str, float]:
        rng = random_numbers(SEED, self.name, index)
        lesson = self._learner.lesson(rng, self._batch)
        timesteps = self._timesteps(rng)
        signal, level = (of[timesteps].view(-1, 1, 1, 1) for of in (self._signal, self._noise))
        noise = torch.randn(lesson.clean.shape, generator=torch_numbers(rng))
        noisy, target = signal * lesson.clean + level * noise, signal * noise - level * lesson.clean
        context = self._finished.hear(lesson.captions)
        noisy, context, given = (each.to(self._compute) for each in (noisy, context, lesson.given))
        guess = self._learner.guess(noisy, timesteps, context, given).float()
        loss = ((guess - target).square() * thing_weights(list(lesson.scenes))).mean()
        loss.backward()
        self._optimizer.step(warm_then_decay(index, self.steps, warm=50, decay=self._decay))
        return {"loss": loss.item()}

    def _timesteps(self, rng: np.random.Generator) -> Tensor:
        """Anywhere, or in the noisier part, where it is decided what will be where."""
        anywhere, early = rng.integers(0, 1000, self._batch), rng.integers(400, 1000, self._batch)
        return torch.from_numpy(np.where(rng.random(self._batch) < self._noisy, early, anywhere))

    def sample(self, folder: Path, index: int) -> None:
        """Pictures as a grid, and how many of each trial show what they should."""
        trials = self._learner.trials()
        with self._optimizer.averaged(self._compute):
            made = [self.paint(trial.prompts, trial.given) for trial in trials]
        to_grid(torch.cat(made), 12, folder / f"{self.name}-{index:05d}.png")
        right = [
            sum(self._learner.is_right(to_picture(p), w) for p, w in zip(pictures, trial.right, strict=True))
            for pictures, trial in zip(made, trials, strict=True)
        ]
        said = " ".join(f"{count}/{len(trial.right)}" for count, trial in zip(right, trials, strict=True))
        with (folder / f"{self.name}.judged.txt").open("a") as file:
            file.write(f"{index} {said}\n")

    @torch.no_grad()
    def paint(self, prompts: Sequence[str], given: Given) -> Tensor:
        """A picture of each prompt, its number the seed, with what the learner is given; the module is in fp32."""
        latents, scheduler = noise_of(range(len(prompts))), solver(STEPS)
        context, both = self._finished.hear([""] * len(prompts) + [*prompts]), self._learner.both(given)
        for t in scheduler.timesteps:
            guess = self._learner.guess(torch.cat([latents, latents]), t, context, both)
            empty, said = guess.chunk(2)
            latents = scheduler.step(empty + GUIDANCE * (said - empty), t, latents).prev_sample
        return self._finished.decoded(latents)

    def finish(self) -> nn.Module:
        """The module, with the average of its weights, in fp32."""
        self._optimizer.hold(torch.float32, average=True)
        return self._learner.module

    def state(self) -> dict[str, Tensor]:
        return self._optimizer.state()

    def load(self, state: Mapping[str, Tensor]) -> None:
        self._optimizer.load(state)

"""The stage that trains a LoRA: at noise of every strength, its layers learn to take it off these pictures.

The loss is that of the denoiser's own training (Ho et al. 2020; Salimans & Ho 2022), weighted by the ratio of signal to
noise, at most 5, so that the finest noise doesn't outweigh all else (Hang et al. 2023, https://arxiv.org/abs/2303.09556).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import Module

from ..engine.families.family import Family
from ..engine.parts.rows import Rows
from ..engine.sampling.noise import Noise
from ..engine.sampling.schedules import signal_levels
from .learners import Learner, attached
from .loop import random_numbers, torch_numbers
from .optimizer import Optimizer, warm_then_decay
from .pictures import Lesson, Lessons

UNSAID = 0.1
"""How often nothing is said, for guidance."""
_MOST_RATIO = 5.0


class LoraStage:
    """Trains `paths` beside the denoiser of `family`."""

    name = "lora"

    def __init__(
        self, family: Family, lessons: Lessons, paths: Mapping[str, Learner], *, noise: Noise, steps: int, batch: int,
        rate: float, seed: int,
    ) -> None:  # fmt: skip
        self.steps, self.batch = steps, batch
        self._family, self._groups, self._paths, self._seed = family, lessons.groups, paths, seed
        self._network: Module = family.networks["denoiser"]
        self._levels, self._velocity = signal_levels(noise), noise.prediction == "v_prediction"
        shares = np.array([len(group) for group in self._groups], float)
        self._shares = shares / shares.sum()
        parameters = [parameter for path in paths.values() for parameter in path.parameters()]
        self._optimizer = Optimizer(parameters, rate, weight_decay=0.0)

    @property
    def parameters(self) -> int:
        """How many numbers it learns."""
        return sum(weights.numel() for weights in self._optimizer.master)

    def step(self, index: int) -> dict[str, float]:
        """Train on a batch."""
        loss = self.try_step(index)
        warm = max(1, self.steps // 20)
        self._optimizer.step(warm_then_decay(index, self.steps, warm=warm, decay=0.5))
        return {"loss": loss}

    def try_step(self, index: int) -> float:
        """All of a step but the step: its loss, and the gradients that the parameters have then."""
        rng = random_numbers(self._seed, self.name, index)
        clean, rows = self._batch(rng)
        timesteps = torch.from_numpy(rng.integers(0, len(self._levels), self.batch))
        signal = self._levels[timesteps].view(-1, 1, 1, 1).to(clean)
        level = (1 - signal.square()).sqrt()
        noise = torch.randn(clean.shape, generator=torch_numbers(rng)).to(clean)
        target = signal * noise - level * clean if self._velocity else noise
        with attached(self._network, self._paths):
            guess = self._family.denoise(signal * clean + level * noise, timesteps.to(clean.device), rows)
        loss = ((guess - target).square().mean((1, 2, 3)) * self._weights(signal.flatten())).mean()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.item()

    def forget(self) -> None:
        """What a step that was only tried has left."""
        self._optimizer.forget()

    def _weights(self, signal: Tensor) -> Tensor:
        ratio = signal.square() / (1 - signal.square()).clamp_min(1e-8)
        if self._velocity:
            return (ratio + 1).clamp_max(_MOST_RATIO + 1) / (ratio + 1)
        return ratio.clamp_max(_MOST_RATIO) / ratio.clamp_min(1e-8)

    def _batch(self, rng: np.random.Generator) -> tuple[Tensor, Rows]:
        group: Sequence[Lesson] = self._groups[int(rng.choice(len(self._groups), p=self._shares))]
        chosen = [group[i] for i in _drawn(rng, len(group), self.batch)]
        latents = [each.latents[int(rng.integers(len(each.latents)))] for each in chosen]
        rows = [each.nothing if rng.random() < UNSAID else each.words for each in chosen]
        return torch.cat(latents), self._family.collate(rows)

    def state(self) -> dict[str, Tensor]:
        return self._optimizer.state()

    def load(self, state: Mapping[str, Tensor]) -> None:
        self._optimizer.load(state)


def _drawn(rng: np.random.Generator, count: int, batch: int) -> list[Any]:
    """So many of `count`, none twice before each was drawn."""
    drawn: list[Any] = []
    while len(drawn) < batch:
        drawn += rng.permutation(count).tolist()
    return drawn[:batch]

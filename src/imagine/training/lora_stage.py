"""The stage that trains a LoRA: at noise of every strength, its layers learn to take it off these pictures.

The loss is that of the denoiser's own training."""

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
from .learners import Learner, attached
from .loop import random_numbers
from .objectives import objective_of
from .optimizer import Optimizer, warm_then_decay
from .pictures import Lesson, Lessons

UNSAID = 0.1
"""How often nothing is said, for guidance."""


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
        self._objective = objective_of(noise)
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
        asked = self._objective.ask(clean, rng)
        with attached(self._network, self._paths):  # on the way back, too: there blocks may be computed again
            guess = self._family.denoise(asked.noisy, asked.timesteps, rows)
            loss = ((guess - asked.answer).square().mean((1, 2, 3)) * asked.weights).mean()
            loss.backward()  # type: ignore[no-untyped-call]
        return loss.item()

    def forget(self) -> None:
        """What a step that was only tried has left."""
        self._optimizer.forget()

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

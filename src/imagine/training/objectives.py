"""What a denoiser is asked while it learns, and what it should answer: by how its family's pictures are noised."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from ..engine.sampling.noise import Noise
from ..engine.sampling.schedules import signal_levels
from .loop import torch_numbers

_MOST_RATIO = 5.0
_ANYWHERE = 0.1
"""Of a flow's levels, how many are drawn evenly, so that the ends are learned too."""


class NoisedLatents(NamedTuple):
    """Noised latents (N, C, h, w), their timesteps (N), what should be answered, and by how much each counts (N)."""

    noisy: Tensor
    timesteps: Tensor
    answer: Tensor
    weights: Tensor


class Objective(Protocol):
    """Noises latents at levels of its own."""

    def ask(self, clean: Tensor, rng: np.random.Generator) -> NoisedLatents: ...


class DiffusionObjective:
    """Noise or velocity (Ho et al. 2020; Salimans & Ho 2022), weighted by the ratio of signal to noise, at most 5, so
    that the finest noise doesn't outweigh all else (Hang et al. 2023, https://arxiv.org/abs/2303.09556)."""

    def __init__(self, noise: Noise) -> None:
        self._levels, self._velocity = signal_levels(noise), noise.prediction == "v_prediction"

    def ask(self, clean: Tensor, rng: np.random.Generator) -> NoisedLatents:
        timesteps = torch.from_numpy(rng.integers(0, len(self._levels), len(clean)))
        signal = self._levels[timesteps].view(-1, 1, 1, 1).to(clean)
        level = (1 - signal.square()).sqrt()
        noise = torch.randn(clean.shape, generator=torch_numbers(rng)).to(clean)
        answer = signal * noise - level * clean if self._velocity else noise
        return NoisedLatents(
            signal * clean + level * noise, timesteps.to(clean.device), answer, self._weights(signal.flatten())
        )

    def _weights(self, signal: Tensor) -> Tensor:
        ratio = signal.square() / (1 - signal.square()).clamp_min(1e-8)
        if self._velocity:
            return (ratio + 1).clamp_max(_MOST_RATIO + 1) / (ratio + 1)
        return ratio.clamp_max(_MOST_RATIO) / ratio.clamp_min(1e-8)


class FlowObjective:
    """The straight line from data to noise (Liu et al. 2022, https://arxiv.org/abs/2209.03003), at levels of which most
    are in the middle (Esser et al. 2024, https://arxiv.org/abs/2403.03206, 3.1), moved as the family's are."""

    def __init__(self, noise: Noise) -> None:
        self._shift, self._steps = noise.shift, noise.train_steps

    def ask(self, clean: Tensor, rng: np.random.Generator) -> NoisedLatents:
        numbers, count = torch_numbers(rng), len(clean)
        middle = torch.randn(count, generator=numbers).sigmoid()
        anywhere, chance = torch.rand(2, count, generator=numbers)
        even = torch.where(chance < _ANYWHERE, anywhere, middle)
        levels = (self._shift * even / (1 + (self._shift - 1) * even)).to(clean.device)
        noise = torch.randn(clean.shape, generator=numbers).to(clean)
        noisy = torch.lerp(clean, noise, levels.view(-1, 1, 1, 1).to(clean))
        return NoisedLatents(noisy, levels * self._steps, noise - clean, torch.ones_like(levels))


def objective_of(noise: Noise) -> Objective:
    """How a denoiser learns whose pictures are noised so."""
    return FlowObjective(noise) if noise.prediction == "flow" else DiffusionObjective(noise)

"""The noise a picture starts from: its own seed's, the same on every device."""

from __future__ import annotations

import torch
from torch import Tensor


def initial_noise(seed: int, shape: tuple[int, ...]) -> Tensor:
    """Standard normal noise of `shape`, float32, from a CPU generator seeded by the picture's own seed.

    As diffusers' pipelines draw it from `torch.Generator("cpu").manual_seed(seed)`.
    """
    return torch.randn(shape, generator=torch.Generator("cpu").manual_seed(seed), dtype=torch.float32)


def second_noise(seed: int, shape: tuple[int, ...]) -> Tensor:
    """The noise of a second pass (hires fix), unlike the first pass's at any seed."""
    return initial_noise((seed ^ 0x9E3779B97F4A7C15) & (2**64 - 1), shape)

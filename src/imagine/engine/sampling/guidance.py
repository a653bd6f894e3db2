"""Classifier-free guidance (Ho & Salimans 2022, arXiv:2207.12598), and prompts that are joined.

The joined are Composable Diffusion's (Liu et al. 2022, arXiv:2206.01714, equation 11), as AUTOMATIC1111 sums them: each
weighs what it has beyond the negative prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor


class Guided(NamedTuple):
    """What a recipe says of guidance."""

    guidance: float
    """How strongly: by a second row, or, where the denoiser is told it, as a number."""
    true_cfg: float
    """By a second row of a denoiser that is told its `guidance`."""


def uses_guidance(scale: float) -> bool:
    """At 1 and below the negative prompt has no say, and the second row is left out."""
    return scale > 1


def guided(negative: Tensor, positive: Tensor, scale: float) -> Tensor:
    """negative + scale·(positive − negative), each (1, C, h, w)."""
    return negative + scale * (positive - negative)


def joined(negative: Tensor, positives: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """negative + Σ weight·(positive − negative), each (1, C, h, w): what several prompts are as one."""
    made = negative
    for positive, weight in zip(positives, weights, strict=True):
        made = made + weight * (positive - negative)
    return made

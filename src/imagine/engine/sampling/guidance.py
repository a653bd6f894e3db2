"""Classifier-free guidance (Ho & Salimans 2022, arXiv:2207.12598)."""

from __future__ import annotations

from torch import Tensor


def uses_guidance(scale: float) -> bool:
    """At 1 and below the negative prompt has no say, and the second row is left out."""
    return scale > 1


def guided(negative: Tensor, positive: Tensor, scale: float) -> Tensor:
    """negative + scale·(positive − negative), each (1, C, h, w)."""
    return negative + scale * (positive - negative)

"""What pictures must have in common to be stepped together."""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple


class BatchKey(NamedTuple):
    """Equal for pictures that can share a batch.

    What decides the operations of a batch, or the shapes they work on, stands here; what only scales them doesn't. So a
    batch of one key and one size makes every row with the same bits, whatever its neighbours are.
    """

    model: str
    """The identity of the model that is asked next."""
    latents: tuple[int, ...]
    """(C, h, w)"""
    conditioning: Hashable
    """Whether there is a negative side, how many prompts are joined, and what the family needs to be equal to join
    rows."""
    wraps: bool = False
    """Their edges meet: the denoiser's convolutions see the other side beyond them."""

"""Latents of FLUX.2 as tokens, of 16 × 16 pixels each, and where they stand."""

from __future__ import annotations

import torch
from torch import Tensor

STEPS = 1000
"""The timestep of pure noise."""
_APART = 10
"""How far pictures are from each other, and from the one in the making, as places of tokens go."""


def tokens_of(latents: Tensor) -> Tensor:
    """Latents (rows, C, h, w) as tokens (rows, h · w, C)."""
    return latents.flatten(2).transpose(1, 2)


def places_of(latents: Tensor, *, picture: int = 0) -> Tensor:
    """Where those stand, (tokens, 4): in which picture, row and column, and a text's place, of which they have none.
    Made on the device, so that nothing waits for it."""
    height, width = latents.shape[2:]
    made = torch.zeros(height, width, 4, device=latents.device)
    made[..., 0] = _APART * picture
    made[..., 1] = torch.arange(height, device=latents.device)[:, None]
    made[..., 2] = torch.arange(width, device=latents.device)[None]
    return made.reshape(height * width, 4)


def words_of(context: Tensor) -> Tensor:
    """Where the tokens of a text (rows, tokens, dim) stand, (tokens, 4)."""
    words = torch.zeros(context.shape[1], 4, device=context.device)
    words[:, 3] = torch.arange(context.shape[1], device=context.device)
    return words

"""Latents as a transformer's tokens, and where each of them stands: Flux's way, and that of what was made after it.

As diffusers' `FluxPipeline` (0.42, Apache-2.0) has it: a token is two by two latents, and stands in a picture's row and
column; the picture in the making is the first, others are told from it by a number.
"""

from __future__ import annotations

import torch
from torch import Tensor

SIDE = 2
"""Latents of a token, along a side."""


def packed(latents: Tensor) -> Tensor:
    """Latents (rows, C, h, w) as tokens (rows, h/2 · w/2, 4 · C)."""
    rows, channels, height, width = latents.shape
    split = latents.reshape(rows, channels, height // SIDE, SIDE, width // SIDE, SIDE)
    return split.permute(0, 2, 4, 1, 3, 5).reshape(rows, (height // SIDE) * (width // SIDE), channels * SIDE**2)


def unpacked(tokens: Tensor, height: int, width: int) -> Tensor:
    """The latents (rows, C, height, width) that are these tokens."""
    rows, _, channels = tokens.shape
    split = tokens.reshape(rows, height // SIDE, width // SIDE, channels // SIDE**2, SIDE, SIDE)
    return split.permute(0, 3, 1, 4, 2, 5).reshape(rows, channels // SIDE**2, height, width)


def places(height: int, width: int, device: torch.device, *, picture: int = 0) -> Tensor:
    """Where the tokens of so many latents stand, (tokens, 3): which picture, row and column. Made on the device, so
    that nothing waits for it."""
    rows, columns = height // SIDE, width // SIDE
    made = torch.zeros(rows, columns, 3, device=device)
    made[..., 0] = picture
    made[..., 1] = torch.arange(rows, device=device)[:, None]
    made[..., 2] = torch.arange(columns, device=device)[None]
    return made.reshape(rows * columns, 3)

"""What the denoiser is asked midway: which thing stands where. A linear head reads it off the picture's tokens.

A denoiser of pictures learns what they show before it learns to draw it, and learns both sooner when it is told
(arXiv:2410.06940 tells it by another network's features; here the scenes themselves are known). The head is no part of
what is kept.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import ChromaTransformer2DModel
from torch import Tensor, nn

from tools.toybox.flow.models import DENOISER
from tools.toybox.flow.scenes import Tableau, draw_tableau
from tools.toybox.models import DOWNSCALE
from tools.toybox.world import PALETTE, THINGS

CELL = 4
"""Pixels along a side of the squares that are told apart."""
CELLS = 2 * DOWNSCALE // CELL
"""Of them, along a side of what one token shows: two latents."""
KINDS: tuple[str | None, ...] = (None, *THINGS)
"""What may be told of a cell; `None` is the background."""
MIDWAY = 1
"""Which of the single blocks it is read after."""
_APART = 64
"""By how much a pixel's channels must differ in all from the background's."""


def standing(tableau: Tableau) -> Tensor:
    """Which of `KINDS` fills most of each cell of a scene's picture, (H / CELL, W / CELL), uint8."""
    pixels = np.asarray(draw_tableau(tableau)).astype(np.int16)
    height, width = (side // CELL for side in pixels.shape[:2])
    covered = np.abs(pixels - np.array(PALETTE[tableau.background])).sum(-1) > _APART
    shares = covered.reshape(height, CELL, width, CELL).mean((1, 3))
    x, y = ((np.arange(count) + 0.5) * CELL for count in (width, height))
    far = np.stack([np.hypot(x[None] - each.x, y[:, None] - each.y) / each.radius for each in tableau.things])
    kinds = np.array([KINDS.index(each.thing) for each in tableau.things])[far.argmin(0)]
    return torch.from_numpy(np.where(shares >= 0.5, kinds, 0).astype(np.uint8))


class Teller(nn.Module):
    """A denoiser with the head that listens to it. Several threads may ask it at once."""

    def __init__(self, denoiser: ChromaTransformer2DModel) -> None:
        super().__init__()
        self.denoiser = denoiser
        width = DENOISER["attention_head_dim"] * DENOISER["num_attention_heads"]
        self.head = nn.Linear(width, CELLS**2 * len(KINDS))
        self._heard = threading.local()
        denoiser.single_transformer_blocks[MIDWAY].register_forward_hook(self._hear)

    def _hear(self, _block: Any, _inputs: Any, answer: Tensor) -> None:
        self._heard.answer = answer

    def loss(self, truth: Tensor) -> Tensor:
        """How wrong is what is told of the latents that this thread asked of last, given what stands in each of their
        cells (N, rows, columns): the mean cross entropy."""
        rows, columns = (side // CELLS for side in truth.shape[1:])
        told = self.head(self._heard.answer[:, -rows * columns :]).unflatten(-1, (CELLS**2, len(KINDS)))
        cells = truth.reshape(-1, rows, CELLS, columns, CELLS).transpose(2, 3).reshape(-1, rows * columns, CELLS**2)
        return F.cross_entropy(told.flatten(0, -2), cells.flatten().long())

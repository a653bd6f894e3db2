"""Picture and prompt as one row of tokens, Z-Image's way: how they are embedded, and where each of them stands.

As diffusers' `ZImageTransformer2DModel` (0.42, Apache-2.0) has it, but that its own forward takes lists of pictures and
prompts, each of its own length, and has the host look at every one. Here all rows are laid out alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from .execution import Inputs
from .packing import SIDE

_STEPS = 1000
"""The timestep of pure noise."""
_FULL = 32
"""Tokens are filled up to a multiple of so many, a prompt's and a picture's, by what was trained to stand there."""


def filled_count(tokens: int) -> int:
    return -(-tokens // _FULL) * _FULL


class JoinedTokens(NamedTuple):
    """What a network is asked, embedded."""

    picture: Tensor
    """(rows, tokens, width), filled up, before any block."""
    text: Tensor
    """(rows, tokens, width), filled up, behind the blocks that only see text."""
    turned: Tensor
    """How far each token of a picture, then of a prompt, is turned, (rows, all tokens, head / 2)."""
    when: Tensor
    """The timestep, (rows, width)."""
    mask: Tensor | None
    """(rows, all tokens), which of them are seen; None: all are."""

    @property
    def turned_picture(self) -> Tensor:
        return self.turned[:, : self.picture.shape[1]]


def joined_tokens(network: Any, inputs: Inputs) -> JoinedTokens:
    """What a diffusers `ZImageTransformer2DModel` makes of latents (rows, C, h, w) and of prompts before its blocks.

    `told` (rows,) are the tokens of each row's prompt, and where rows of one picture have another number of them once
    they are filled up, `seen` (rows, tokens) says which.
    """
    latents, timesteps, context, added = inputs
    assert added is not None
    height, width = latents.shape[2:]
    told, seen = added["told"], added.get("seen")
    (embedder,) = network.all_x_embedder.values()
    picture = filled(embedder(tokens(latents)), network)
    lacking = picture.shape[1] - (height // SIDE) * (width // SIDE)
    at, of = _places(told, height // SIDE, width // SIDE, lacking, context.shape[1])
    turned = [network.rope_embedder(each.flatten(0, 1)).reshape(*each.shape[:2], -1) for each in (at, of)]
    when = network.t_embedder((_STEPS - timesteps.float()) / _STEPS * network.t_scale).to(latents.dtype)
    text = network.cap_embedder(context)
    own = torch.arange(context.shape[1], device=told.device)[None] < told[:, None]
    text = torch.where(own[..., None], text, network.cap_pad_token)
    for block in network.context_refiner:
        text = block(text, seen, turned[1])
    mask = None if seen is None else torch.cat([seen.new_ones(picture.shape[:2]), seen], 1)
    return JoinedTokens(picture, text, torch.cat(turned, 1), when, mask)


def refined(picture: Tensor, joined: JoinedTokens, blocks: Iterable[Any]) -> Tensor:
    """A picture's tokens behind blocks that only see pictures."""
    for block in blocks:
        picture = block(picture, None, joined.turned_picture, joined.when)
    return picture


def filled(picture: Tensor, network: Any) -> Tensor:
    """A picture's tokens (rows, tokens, width), filled up by what the network has for that."""
    lacking = -picture.shape[1] % _FULL
    if not lacking:
        return picture
    picture = functional.pad(picture, (0, 0, 0, lacking))
    there = torch.arange(picture.shape[1], device=picture.device) < picture.shape[1] - lacking
    return torch.where(there[:, None], picture, network.x_pad_token)


def tokens(latents: Tensor) -> Tensor:
    """Latents (rows, C, h, w) as tokens (rows, h/2 · w/2, 4 · C), of which channels come last."""
    rows, channels, height, width = latents.shape
    split = latents.reshape(rows, channels, height // SIDE, SIDE, width // SIDE, SIDE)
    return split.permute(0, 2, 4, 3, 5, 1).reshape(rows, -1, channels * SIDE**2)


def latents_of(made: Tensor, height: int, width: int) -> Tensor:
    """The latents (rows, C, height, width) that these tokens are."""
    split = made.reshape(len(made), height // SIDE, width // SIDE, SIDE, SIDE, -1)
    return split.permute(0, 5, 1, 3, 2, 4).reshape(len(made), -1, height, width)


def _places(told: Tensor, rows: int, columns: int, lacking: int, length: int) -> tuple[Tensor, Tensor]:
    """Where tokens of pictures and of prompts stand, (rows, tokens, 3) both: a prompt's one behind the other from 1 on,
    a picture's all behind them, in their rows and columns; what fills it up is nowhere. Made on the device."""
    device = told.device
    at = told.new_zeros(len(told), rows * columns + lacking, 3)
    grid = at[:, : rows * columns].view(len(told), rows, columns, 3)
    grid[..., 0] = ((told + _FULL - 1) // _FULL * _FULL + 1)[:, None, None]
    grid[..., 1] = torch.arange(rows, device=device)[:, None]
    grid[..., 2] = torch.arange(columns, device=device)
    of = told.new_zeros(len(told), length, 3)
    of[..., 0] = torch.arange(1, length + 1, device=device)
    return at, of

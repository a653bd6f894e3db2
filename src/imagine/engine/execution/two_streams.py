"""Pictures and a prompt as two streams of tokens that attend to each other, Qwen-Image's way: how they are embedded,
how far each is turned by where it stands, and their way through blocks.

As diffusers' `QwenImageTransformer2DModel` (0.42, Apache-2.0) has it, but that its own forward counts the tokens of a
mask in a way that has the host wait for the device, and keeps what turns tokens by their places for as long as the
process lives.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .execution import Inputs
from .packing import SIDE, packed, places

_STEPS = 1000
"""The timestep of pure noise."""
_THETA = 10_000.0


class TwoStreams(NamedTuple):
    """What a network is asked, embedded."""

    picture: Tensor
    """(rows, tokens, width), of all pictures."""
    text: Tensor
    """(rows, tokens, width)."""
    when: Tensor
    """The timestep, (rows, width); where pictures to see have their own, those of all rows behind those of all."""
    turned: tuple[Tensor, Tensor]
    """How far each token of pictures, and of a prompt, is turned, (tokens, head / 2) both, complex."""
    seen: Tensor | None
    """(rows, tokens), which of a prompt's are to be seen; None: all are."""
    timed: Tensor | None = None
    """(rows, tokens) of pictures, which of two timesteps each has; None: there is one."""

    def through(self, blocks: Iterable[Any]) -> Iterator[Tensor]:
        """The pictures' tokens behind each of the blocks."""
        picture, text = self.picture, self.text
        for block in blocks:
            text, picture = block(
                hidden_states=picture, encoder_hidden_states=text, encoder_hidden_states_mask=self.seen, temb=self.when,
                image_rotary_emb=self.turned, modulate_index=self.timed,
            )  # fmt: skip
            yield picture


def two_streams(network: Any, inputs: Inputs, pictures: Sequence[Tensor], *, timed: bool = False) -> TwoStreams:
    """What a network with the embeddings of a diffusers `QwenImageTransformer2DModel` makes of `pictures`, each
    (rows, C, h, w), the first of which is in the making, and of prompts.

    `seen` (rows, tokens) says which of a text's tokens are to be seen, where not all of them are. `timed`: pictures
    behind the first are told that they are without noise.
    """
    latents, timesteps, context, added = inputs
    tokens = torch.cat([packed(each) for each in pictures], 1)
    when, of = timesteps.to(latents.dtype) / _STEPS, None
    if timed:
        when, own = torch.cat([when, when * 0]), latents.shape[2] * latents.shape[3] // SIDE**2
        of = (torch.arange(tokens.shape[1], device=latents.device) >= own).int().expand(len(latents), -1)
    picture = network.img_in(tokens)
    text = network.txt_in(network.txt_norm(context))
    at, by = _places(pictures, context.shape[1], latents.device), network.config.axes_dims_rope
    return TwoStreams(
        picture, text, network.time_text_embed(when, picture), (_turns(at[0], by), _turns(at[1], by)),
        (added or {}).get("seen"), of,
    )  # fmt: skip


def _places(pictures: Sequence[Tensor], told: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Where tokens stand, (tokens, 3) both: those of latents in which picture, row and column, counted from its middle;
    those of a text one behind the other, each as far along all three, from where the largest picture ends."""
    at, ends = list[Tensor](), 0
    for number, latents in enumerate(pictures):
        height, width = latents.shape[2:]
        rows, columns = height // SIDE, width // SIDE
        middle = torch.zeros(3, device=device)
        middle[1], middle[2] = rows - rows // 2, columns - columns // 2
        at.append(places(height, width, device, picture=number) - middle)
        ends = max(ends, rows // 2, columns // 2)
    of = ends + torch.arange(told, device=device, dtype=torch.float32)
    return torch.cat(at), of[:, None].expand(-1, 3)


def _turns(at: Tensor, axes: Sequence[int]) -> Tensor:
    """By how much each pair of a head's numbers is turned, of tokens that stand there: unit numbers (tokens, head's
    width / 2), complex. `axes`: how many of the numbers tell the picture, the row and the column."""
    angles = []
    for axis, size in enumerate(axes):
        each = torch.arange(0, size, 2, device=at.device, dtype=torch.float32) / size
        angles.append(at[:, axis, None] * (1.0 / torch.pow(_THETA, each)))
    made = torch.cat(angles, 1)
    return torch.polar(torch.ones_like(made), made)

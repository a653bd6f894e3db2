"""Pictures of which a denoiser attends to something else at every step: InstantX' image adapter of Stable Diffusion
3.5, which makes its tokens of what an encoder sees and of the timestep.

Beside each joint attention the picture's own tokens attend to themselves and to these, by norms of the adapter's own.
Numbers are those of diffusers' `SD3IPAdapterJointAttnProcessor2_0` and `StableDiffusion3Pipeline` (0.42, Apache-2.0).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import Module, functional
from torch.utils.hooks import RemovableHandle

from ..execution.additions import SlotRows
from ..execution.execution import Inputs

_ASKED = ("to_q", "to_k", "to_v")
"""What an attention makes of the picture's tokens."""


class TimedLayer(NamedTuple):
    """A joint attention of a denoiser, and what an adapter has for it."""

    attention: Any
    maps: Any


@dataclass(frozen=True)
class TimedPrompt:
    """An `Addition`: pictures that are attended to as much as their weight says."""

    projection: Any
    """Of what an encoder sees of a picture, (rows, patches, width), and timesteps to tokens and what tells the time."""
    layers: Sequence[TimedLayer]
    pictures: Sequence[Tensor]
    """(1, patches, width) each; they stand side by side."""
    weight: float
    sided: bool
    """Has the picture in the making a negative side, which is told of nothing but zeros?"""

    @property
    def field(self) -> str:
        return "references"

    @property
    def convolving(self) -> Sequence[Module]:
        return ()

    def made(self, asked: Inputs) -> TimedMemories:
        tokens, when = zip(*(self._tokens(picture, asked) for picture in self.pictures), strict=True)
        beside = torch.cat(tokens, 1)
        return TimedMemories([_remembered(layer, beside, when[0]) for layer in self.layers], self.weight)

    def _tokens(self, picture: Tensor, asked: Inputs) -> tuple[Tensor, Tensor]:
        seen = picture.repeat(len(asked.latents), 1, 1)
        if self.sided:
            seen[0] = 0
        made: tuple[Tensor, Tensor] = self.projection(seen, asked.timesteps)
        return made


class _TimedMemory(NamedTuple):
    """What a layer attends to at a step."""

    layer: TimedLayer
    keys: Tensor
    values: Tensor
    """(sides, heads, tokens, width of a head)"""


class TimedMemories(NamedTuple):
    """Of one picture, at one step. A `Made`."""

    memories: Sequence[_TimedMemory]
    weight: float

    def hooks(self, _network: Module, rows: SlotRows) -> Iterator[RemovableHandle]:
        for memory in self.memories:
            heard, attention = _MadeOfRows(), memory.layer.attention
            for name in _ASKED:
                yield getattr(attention, name).register_forward_hook(partial(_note, heard, name, rows))
            yield attention.to_out[0].register_forward_pre_hook(partial(_attend, heard, memory, rows, self.weight))


class _MadeOfRows(threading.local):
    """What an attention made of the picture's rows, of the share that a thread is at."""

    def __init__(self) -> None:
        self.of: dict[str, Tensor] = {}


def _note(heard: _MadeOfRows, name: str, rows: SlotRows, _layer: Module, _given: Any, answer: Tensor) -> None:
    where, _ = rows.within(len(answer))
    # A copy: what is made of it doesn't depend on where among others it lay in memory.
    heard.of[name] = answer if rows.bucket == 1 else answer[where].clone()


def _attend(
    heard: _MadeOfRows, memory: _TimedMemory, rows: SlotRows, weight: float, _layer: Module, given: tuple[Tensor, ...]
) -> None:
    """Adds to what the picture's tokens have seen what they see of the pictures beside them."""
    where, sides = rows.within(len(given[0]))
    if not len(heard.of["to_q"]):
        return
    maps, heads = memory.layer.maps, int(memory.layer.attention.heads)
    queries, keys, values = (_split(heard.of[name], heads) for name in _ASKED)
    keys = torch.cat([maps.norm_k(keys), memory.keys[sides]], 2)
    values = torch.cat([values, memory.values[sides]], 2)
    seen = functional.scaled_dot_product_attention(maps.norm_q(queries), keys, values)
    given[0][where].add_(seen.transpose(1, 2).flatten(2), alpha=weight)


def _remembered(layer: TimedLayer, tokens: Tensor, when: Tensor) -> _TimedMemory:
    maps, heads = layer.maps, int(layer.attention.heads)
    told = maps.norm_ip(tokens, temb=when)
    keys, values = maps.norm_ip_k(_split(maps.to_k_ip(told), heads)), _split(maps.to_v_ip(told), heads)
    return _TimedMemory(layer, keys, values)


def _split(tokens: Tensor, heads: int) -> Tensor:
    return tokens.reshape(*tokens.shape[:2], heads, -1).transpose(1, 2)

"""Pictures that a denoiser attends to beside its prompt: attention of its own beside each that attends to words.

Ye et al. 2023, "IP-Adapter" (arXiv:2308.06721), section 3.2: softmax(QKᵀ)V of the words, plus as much of the picture's
softmax(QK'ᵀ)V' as its weight says, with the layer's own queries. As with adapters (`mix`) it is computed for one
picture at a time and added to its rows alone. Keys and values are made once, before the first step.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import Module, functional
from torch.utils.hooks import RemovableHandle

from ..execution.additions import SlotRows
from ..execution.execution import Inputs
from .adapter import Beside, SidePath
from .attending import Attending


class Memory(NamedTuple):
    """What a layer attends to of some pictures."""

    keys: Tensor
    values: Tensor
    """(sides, heads, tokens, width of a head): for the negative side, where there is one, and for prompts."""
    weight: float
    places: Mapping[int, Tensor] | None = None
    """By how many queries there are: how much of it each has, (queries, 1). None: all of it."""

    def of(self, sides: slice, *, sided: bool) -> tuple[Tensor, Tensor]:
        """Keys and values for these of a picture's sides, which has a negative one where it is `sided`."""
        own = len(self.keys)
        at = [0 if sided and side == 0 else own - 1 for side in range(sides.start, sides.stop)]
        return (self.keys, self.values) if at == [*range(own)] else (self.keys[at], self.values[at])


@dataclass(frozen=True)
class ImagePrompt:
    """An `Addition`, and ready for every forward: nothing of it follows from what the denoiser is asked."""

    layers: Sequence[tuple[Attending, Sequence[Memory]]]
    """Those that attend to words, and what each attends to beside them, in order."""
    sided: bool
    """Has the picture a negative side?"""
    beside: Sequence[Beside] = ()
    """Side paths that come with it, as FaceID's, at full weight."""

    @property
    def field(self) -> str:
        return "references"

    @property
    def convolving(self) -> Sequence[Module]:
        return ()

    def made(self, _asked: Inputs) -> ImagePrompt:
        return self

    def hooks(self, _network: Module, rows: SlotRows) -> Iterator[RemovableHandle]:
        for layer, path in self.beside:
            yield layer.register_forward_hook(partial(_add_path, path, rows))
        for attending, memories in self.layers:
            asked = _Asked()
            attend = partial(_attend, asked, rows, memories, attending.heads, sided=self.sided)
            yield from attending.hooks(partial(_note, asked, rows), attend)


class _Asked(threading.local):
    """A layer's queries for the picture's rows, of the share that a thread is at."""

    queries: Tensor


def _note(asked: _Asked, rows: SlotRows, queries: Tensor) -> None:
    where, _ = rows.within(len(queries))
    # A copy: what is made of it doesn't depend on where among others it lay in memory.
    asked.queries = queries if rows.bucket == 1 else queries[where].clone()


def _attend(
    asked: _Asked, rows: SlotRows, memories: Iterable[Memory], heads: int, seen: Tensor, *, sided: bool
) -> None:
    """Adds to what a layer has seen of its words what it sees of the pictures."""
    where, sides = rows.within(len(seen))
    if not len(asked.queries):
        return
    rows_asked, tokens = asked.queries.shape[:2]
    queries = asked.queries.reshape(rows_asked, tokens, heads, -1).transpose(1, 2)
    for memory in memories:
        keys, values = memory.of(sides, sided=sided)
        beside = functional.scaled_dot_product_attention(queries, keys, values).transpose(1, 2).flatten(2)
        if memory.places is not None:
            beside = _at_places(beside, memory.places)
        seen[where].add_(beside, alpha=memory.weight)


def _at_places(beside: Tensor, places: Mapping[int, Tensor]) -> Tensor:
    """As much of it as each query has; those of pictures that the model is shown, behind its own, have none."""
    if (own := beside.shape[1]) in places:
        return beside * places[own]
    own = max(places)
    return torch.cat([beside[:, :own] * places[own], torch.zeros_like(beside[:, own:])], 1)


def _add_path(path: SidePath, rows: SlotRows, layer: Module, given: tuple[Tensor, ...], answer: Tensor) -> None:
    inputs = given[0]
    where, sides = rows.within(len(inputs))
    if sides.stop > sides.start:
        gain: float = getattr(layer, "gain", 1.0)  # what its answer is multiplied by, where it is (`execution/packed`)
        own = inputs if rows.bucket == 1 else inputs[where].clone()
        answer[where].add_(path(own, 1.0), alpha=gain)

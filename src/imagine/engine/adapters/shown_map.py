"""What adapters have for a map that stands beside the latents: FLUX.1 Canny and Depth as LoRAs, which widen its first
layer.

That layer sums over what it takes. So it stays as it is, and what the other half makes of the map, the same at every
step, is added to its answer. Numbers are those of diffusers' `FluxControlPipeline` with such a LoRA (0.42, Apache-2.0).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from torch import Tensor
from torch.nn import Module
from torch.utils.hooks import RemovableHandle

from ..execution.additions import SlotRows
from ..execution.execution import Inputs
from .adapter import Beside


@dataclass(frozen=True)
class ShownMap:
    """An `Addition`: a map that some layers see by adapters."""

    seeing: Sequence[tuple[Beside, float]]
    """At least one, each with its weight."""
    tokens: Tensor
    """(1, tokens, width)"""

    @property
    def field(self) -> str:
        return "control"

    @property
    def convolving(self) -> Sequence[Module]:
        return ()

    def made(self, asked: Inputs) -> SeenTokens:
        tokens = self.tokens.to(asked.latents)
        return SeenTokens([(layer, path(tokens, weight)) for (layer, path), weight in self.seeing])


class SeenTokens(NamedTuple):
    """What layers make of a picture's map. A `Made`."""

    answers: Sequence[tuple[Module, Tensor]]

    def hooks(self, _network: Module, rows: SlotRows) -> Iterator[RemovableHandle]:
        for layer, answer in self.answers:
            yield layer.register_forward_hook(partial(_add, rows, answer))


def _add(rows: SlotRows, seen: Tensor, layer: Module, _given: tuple[Tensor, ...], answer: Tensor) -> None:
    """To the picture's own tokens, on all its sides; those of references stand behind them, and have no map."""
    where, _ = rows.within(len(answer))
    gain: float = getattr(layer, "gain", 1.0)  # as in `mix`
    answer[where, : seen.shape[1]].add_(seen, alpha=gain)

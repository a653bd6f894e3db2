"""How the forwards of one denoiser are run: the seam behind which kinds lie, one of which a model is opened with.

A kind may make more of the network than it is (graphs, compiled code, another library's model) and keep that by the
shapes of its input, of which the first dimension is the rows of a bucket. What it computes at fixed shapes never
depends on when it was asked, nor on who was before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from .flow import call_processors


class Inputs(NamedTuple):
    """Of one forward: tensors whose first dimension is the rows."""

    latents: Tensor
    """As the network takes them, (rows, …), in its dtype."""
    timesteps: Tensor
    """(rows,)"""
    context: Tensor
    """The prompts' tokens, (rows, tokens, width)."""
    added: Mapping[str, Tensor] | None
    """What else it is told, each (rows, …), by names that its call knows."""


class Home(NamedTuple):
    """Where a network works, wherever it waits, and what it computes in."""

    device: torch.device
    dtype: torch.dtype


Call = Callable[[Any, Inputs], Tensor]
"""Asks a network of some kind, or what was made of it, and gives its answer (rows, …). What it is told that is no
tensor of rows, such a call knows by itself."""
LABELS = "class_labels"
"""Of a U-Net: added to what it makes of timesteps, (rows, width)."""


def call_unet(network: Any, inputs: Inputs) -> Tensor:
    """Asks a diffusers `UNet2DConditionModel`."""
    latents, timesteps, context, added = inputs
    labels = added.get(LABELS) if added else None
    answer: Tensor = network(
        latents, timesteps, context, class_labels=labels, added_cond_kwargs=added, return_dict=False
    )[0]
    return answer


class Execution(Protocol):
    """Of one network. Called from the engine's thread."""

    def run(self, inputs: Inputs) -> Tensor:
        """The network's answer (rows, …), in its dtype. Hooks may be set on its layers (`adapters/mix`)."""

    def recorded(self) -> Mapping[str, Any]:
        """What of it decides bits, for the `environment` of recipes: names and values of JSON; nothing where that is
        what torch does by itself."""

    def drop(self) -> None:
        """Let go what was made of the network: its tensors lie elsewhere now, or memory is short."""


class Eager:
    """The network's own forward, an operation after the other."""

    def __init__(self, network: Any, call: Call = call_unet) -> None:
        self._network, self._call = network, call
        call_processors(network)

    def run(self, inputs: Inputs) -> Tensor:
        return self._call(self._network, inputs)

    def recorded(self) -> Mapping[str, Any]:
        return {}

    def drop(self) -> None:
        """It keeps nothing."""

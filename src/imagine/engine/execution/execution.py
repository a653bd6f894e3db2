"""How the forwards of one denoiser are run: the seam behind which kinds lie, one of which a model is opened with.

A kind may make more of the network than it is (graphs, compiled code, another library's model) and keep that by the
shapes of its input, of which the first dimension is the rows of a bucket. What it computes at fixed shapes never
depends on when it was asked, nor on who was before.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from torch import Tensor

from .flow import call_processors


class Inputs(NamedTuple):
    """Of one forward."""

    latents: Tensor
    """(rows, C, h, w), in the network's dtype."""
    timesteps: Tensor
    """(rows,)"""
    context: Tensor
    """The prompts' tokens, (rows, tokens, width)."""
    added: dict[str, Tensor] | None
    """What conditions it beside them."""
    shown: Tensor | None = None
    """What it is told of pictures, (rows, width), if it is of any: added to what it makes of timesteps."""


class Execution(Protocol):
    """Of one network, which is a diffusers `UNet2DConditionModel`. Called from the engine's thread."""

    def run(self, inputs: Inputs) -> Tensor:
        """The network's answer (rows, C, h, w), in its dtype. Hooks may be set on its layers (`adapters/mix`)."""

    def recorded(self) -> Mapping[str, Any]:
        """What of it decides bits, for the `environment` of recipes: names and values of JSON; nothing where that is
        what torch does by itself."""

    def drop(self) -> None:
        """Let go what was made of the network: its tensors lie elsewhere now, or memory is short."""


class Eager:
    """The network's own forward, an operation after the other."""

    def __init__(self, network: Any) -> None:
        self._network = network
        call_processors(network)

    def run(self, inputs: Inputs) -> Tensor:
        answer: Tensor = self._network(
            inputs.latents, inputs.timesteps, inputs.context, class_labels=inputs.shown,
            added_cond_kwargs=inputs.added, return_dict=False,
        )[0]  # fmt: skip
        return answer

    def recorded(self) -> Mapping[str, Any]:
        return {}

    def drop(self) -> None:
        """It keeps nothing."""

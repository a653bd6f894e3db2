"""An adapter: what it adds to the answers of some layers of a model's networks. It never touches their weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol
from weakref import WeakKeyDictionary

from torch import Tensor
from torch.nn import Module

from ...messages import message
from ...words.errors import UnusableModel
from ...words.model import Role


class SidePath(Protocol):
    """What an adapter has beside one layer."""

    def __call__(self, inputs: Tensor, /) -> Tensor:
        """What is to be added to the layer's answer to `inputs` (rows, …) at weight 1, in the answer's shape.

        Inputs may be on another device than before, and of another dtype: a network that was spared comes and goes.
        """


class Beside(NamedTuple):
    """A layer, which answers with a tensor of its own, as linear maps and convolutions do, and what is beside it."""

    layer: Module
    path: SidePath


Networks = Mapping[Role, Module]
SidePaths = Mapping[Role, Mapping[str, SidePath]]
"""By the network, then by the layer's name in it."""


class Adapter:
    """Opened for the networks of one model; `digest` is of its content."""

    def __init__(self, name: str, digest: str, paths: SidePaths, networks: Networks) -> None:
        """Raises UnusableModel for paths beside what these networks haven't."""
        self.digest = digest
        self._beside: WeakKeyDictionary[Module, Sequence[Beside]] = WeakKeyDictionary()
        for role, by_layer in paths.items():
            layers = dict(networks[role].named_modules()) if role in networks else {}
            missing = next((layer for layer in by_layer if layer not in layers), None)
            if missing is not None:
                raise UnusableModel(message("adapter.misfit", name=name, layer=f"{role}.{missing}"))
            self._beside[networks[role]] = [Beside(layers[layer], path) for layer, path in by_layer.items()]

    def beside(self, network: Module) -> Sequence[Beside]:
        """What it has beside the layers of one of the networks."""
        return self._beside.get(network, ())

"""An adapter: what it adds to the answers of some layers of a model's networks. It never touches their weights."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import NamedTuple, Protocol
from weakref import WeakKeyDictionary

from torch import Tensor
from torch.nn import Module

from ...messages import Message
from ...words.model import Role


class SidePath(Protocol):
    """What an adapter has beside one layer."""

    def __call__(self, inputs: Tensor, weight: float, /) -> Tensor:
        """What is to be added to the layer's answer to `inputs` (rows, …) at that weight, in the answer's shape or one
        that broadcasts to it.

        Inputs may be on another device than before, and of another dtype: a network that was spared comes and goes.
        """


class Beside(NamedTuple):
    """A layer, which answers with a tensor of its own, as linear maps, convolutions and norms do, and what is beside
    it."""

    layer: Module
    path: SidePath


Networks = Mapping[Role, Module]
SidePaths = Mapping[Role, Mapping[str, SidePath]]
"""By the network, then by the layer's name in it."""


class Bound(NamedTuple):
    """What an adapter's file adds to a model's networks, and what is to be told of it."""

    paths: SidePaths
    warnings: tuple[Message, ...] = ()
    seeing: Mapping[str, SidePath] = {}
    """What layers of the denoiser, by their names, make of a map's tokens, which stand beside those that they take."""


class AdapterFile(Protocol):
    """An adapter's file, opened. What is read of it is there once, for all the models that it goes beside."""

    @property
    def nbytes(self) -> int:
        """Bytes that it takes at present."""

    def bind(self, name: str, networks: Networks) -> Generator[None, None, Bound]:
        """What it adds to the networks of a model, in slices. Raises UnusableModel, calling it by `name`."""


class Adapter:
    """Opened for the networks of one model; `digest` is of its content."""

    def __init__(self, digest: str, bound: Bound, networks: Networks, file: AdapterFile | None = None) -> None:
        """`file` is there for as long as it."""
        self.digest, self.warnings = digest, bound.warnings
        self._file = file
        self._beside: WeakKeyDictionary[Module, tuple[Role, Sequence[Beside]]] = WeakKeyDictionary()
        for role, by_layer in bound.paths.items():
            network = networks[role]
            self._beside[network] = role, [Beside(network.get_submodule(name), by_layer[name]) for name in by_layer]
        self._seeing: WeakKeyDictionary[Module, Sequence[Beside]] = WeakKeyDictionary()
        if bound.seeing:
            denoiser = networks["denoiser"]
            self._seeing[denoiser] = [Beside(denoiser.get_submodule(name), path) for name, path in bound.seeing.items()]

    def role(self, network: Module) -> Role | None:
        """Which of the model's networks it is, if the adapter has anything beside it."""
        return self._beside[network][0] if network in self._beside else None

    def beside(self, network: Module) -> Sequence[Beside]:
        """What it has beside the layers of one of the networks."""
        return self._beside[network][1] if network in self._beside else ()

    def seeing(self, denoiser: Module) -> Sequence[Beside]:
        """What it has for a map beside the layers of a denoiser, each of which takes the map's tokens."""
        return self._seeing.get(denoiser, ())

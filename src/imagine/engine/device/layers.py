"""A network's tensors, layer by layer: held in main memory, and lent others that lie in a block of the device."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import Module, Parameter

from ..quantised.tensor import Quantised

_APART = 512
"""Where torch's allocator lets blocks begin: kernels choose by alignment."""


class Owned(NamedTuple):
    """A tensor of a network, and what holds it there."""

    by: dict[str, Any]
    name: str
    tensor: Tensor

    def lend(self, tensor: Tensor) -> None:
        """Have the network compute with that one."""
        self.by[self.name] = Parameter(tensor, False) if isinstance(self.tensor, Parameter) else tensor

    def give_back(self) -> None:
        self.by[self.name] = self.tensor


class HeldLayer:
    """Tensors that come to the device together, one behind the other in a block of it."""

    def __init__(self, owned: list[Owned]) -> None:
        self.owned = owned
        self.pinned = False
        """It lies in pages that can't be swapped out, which torch tells apart from a file's by nothing."""
        self.nbytes = sum(map(_room, self._pieces()))

    def pin(self) -> None:
        """Hold it in pages that the device copies from by itself."""
        self.pinned = True
        for at, each in enumerate(self.owned):
            pinned = _made_of(each.tensor, [piece.pin_memory() for piece in _pieces(each.tensor)])
            held = Parameter(pinned, False) if isinstance(each.tensor, Parameter) else pinned
            self.owned[at] = each._replace(tensor=held)
        self.give_back()

    def copy_into(self, block: Tensor) -> None:
        start = 0
        for piece in self._pieces():
            # What isn't pinned may be a copy that nobody holds: it is waited for.
            block[start : start + piece.nbytes].copy_(piece, non_blocking=self.pinned)
            start += _room(piece)

    def compute_from(self, block: Tensor) -> None:
        start = 0
        for each in self.owned:
            there = []
            for piece in _pieces(each.tensor):
                there.append(block[start : start + piece.nbytes])
                start += _room(piece)
            each.lend(_made_of(each.tensor, there))

    def give_back(self) -> None:
        for each in self.owned:
            each.give_back()

    def _pieces(self) -> list[Tensor]:
        return [piece for each in self.owned for piece in _pieces(each.tensor)]


def layers_of(network: Module) -> Iterator[tuple[Module, HeldLayer]]:
    """Those that have weights of their own and none below them, in the network's order."""
    for module in network.modules():
        owned = _owned(module._parameters)
        if owned and not any(module.children()):
            yield module, HeldLayer(owned)


def rest_of(network: Module) -> list[Owned]:
    """The tensors that are no such layer's: those that a whole block has, and whatever isn't learned."""
    rest = []
    for module in network.modules():
        rest += _owned(module._buffers)
        if any(module.children()):
            rest += _owned(module._parameters)
    return rest


def _owned(by: dict[str, Any]) -> list[Owned]:
    return [Owned(by, name, tensor) for name, tensor in by.items() if tensor is not None]


def _pieces(tensor: Tensor) -> list[Tensor]:
    """The bytes of it, and of what goes with it."""
    if isinstance(tensor, Quantised):
        parts = [tensor.stored] if tensor.scale is None else [tensor.stored, tensor.scale]
    else:
        parts = [tensor.detach()]
    return [part.contiguous().view(-1).view(torch.uint8) for part in parts]


def _made_of(tensor: Tensor, pieces: list[Tensor]) -> Tensor:
    """A tensor like another, of these bytes."""
    if not isinstance(tensor, Quantised):
        return pieces[0].view(tensor.dtype).view(tensor.shape)
    scale = None if tensor.scale is None else pieces[1].view(tensor.scale.dtype).view(tensor.scale.shape)
    return tensor.again(pieces[0].view(tensor.stored.shape), scale, tensor.shape, tensor.dtype)


def _room(piece: Tensor) -> int:
    return -(-piece.nbytes // _APART) * _APART

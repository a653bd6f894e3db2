"""A LoRA that learns: low-rank products beside the layers of a network's transformers, whose weights stay as they are.

Hu et al. 2021 (https://arxiv.org/abs/2106.09685). Convolutions have one too, as in LoCon
(https://github.com/KohakuBlueleaf/LyCORIS).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn import Conv2d, Linear, Module, Parameter


class Learner(Module):
    """Beside one layer: `up` of `down` of what the layer is given, which is nothing at the beginning."""

    def __init__(self, layer: Linear | Conv2d, rank: int, generator: torch.Generator) -> None:
        super().__init__()
        self._conv = layer if isinstance(layer, Conv2d) else None
        out, taken, *kernel = layer.weight.shape
        self.taken = taken
        rank = min(rank, out, taken)
        down = torch.empty(rank, taken, *kernel)
        # As PyTorch's own layers begin, and as LoRAs do: uniform by what comes in.
        bound = (taken * max(1, down[0, 0].numel())) ** -0.5
        down.uniform_(-bound, bound, generator=generator)
        self.down = Parameter(down.to(layer.weight.device))
        self.up = Parameter(torch.zeros(out, rank, *(1 for _ in kernel), device=layer.weight.device))

    def forward(self, inputs: Tensor) -> Tensor:
        """What is added to the layer's answer."""
        down, up = self.down.to(inputs.dtype), self.up.to(inputs.dtype)
        if self._conv is None:
            return F.linear(F.linear(inputs, down), up)
        conv = self._conv
        return F.conv2d(F.conv2d(inputs, down, None, conv.stride, conv.padding, conv.dilation), up)


def beside(network: Module, rank: int, generator: torch.Generator, chosen: re.Pattern[str]) -> dict[str, Learner]:
    """One for each linear map and convolution whose name is `chosen`, by that name."""
    layers = {name: layer for name, layer in network.named_modules() if chosen.search(name)}
    return {
        name: Learner(layer, rank, generator) for name, layer in layers.items() if isinstance(layer, Linear | Conv2d)
    }


@contextmanager
def attached(network: Module, paths: Mapping[str, Learner]) -> Iterator[None]:
    """For the length of a block, the layers' answers have what is beside them."""
    layers = dict(network.named_modules())
    handles = [layers[name].register_forward_hook(_adding(path)) for name, path in paths.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _adding(path: Learner) -> Callable[[Module, tuple[Tensor, ...], Tensor], Tensor]:
    def add(_: Module, given: tuple[Tensor, ...], answer: Tensor) -> Tensor:
        return answer + path.forward(given[0])

    return add

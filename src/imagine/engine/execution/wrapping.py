"""A network whose pictures have no edges: left of the first column lies the last one, above the first row the last.

Its convolutions see the other side where they would see zeros. Of a U-Net or a KL-VAE, whose layers know of places by
nothing else, that makes a picture's edges meet: one that is moved around makes the very same, moved around.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import Conv2d, Module, functional

from ..libraries.light import Downsample2D
from .company import accompanied

FIELD = "tiling"
"""What asks for it, in a request."""


@contextmanager
def wrapped(*networks: Module) -> Iterator[None]:
    """For the length of a block these see pictures so. One block at a time: whoever runs them meanwhile is in it."""
    modules: list[Any] = list(dict.fromkeys(each for network in networks for each in network.modules()))
    halving = [each for each in modules if _pads_beforehand(each)]
    layers = [each for each in modules if isinstance(each, Conv2d) and any(each._reversed_padding_repeated_twice)]
    layers += [each.conv for each in halving]
    with accompanied(networks[0], FIELD):
        try:
            for each in halving:
                each.padding, each.conv._reversed_padding_repeated_twice = 1, [0, 1, 0, 1]
            for layer in layers:
                layer.padding_mode = "circular"
            yield
        finally:
            for layer in layers:
                layer.padding_mode = "zeros"
            for each in halving:
                each.padding, each.conv._reversed_padding_repeated_twice = 0, [0, 0, 0, 0]


def _pads_beforehand(module: Any) -> bool:
    """A VAE's encoder has zeros added at two sides alone, before its convolutions that halve."""
    return isinstance(module, Downsample2D) and module.use_conv and module.padding == 0


def surrounded(layer: Conv2d, value: Tensor) -> tuple[Tensor, Any]:
    """What a layer convolves, and how much it is yet to be padded: in such a block, the other sides are around it."""
    if layer.padding_mode != "circular":
        return value, layer.padding
    return functional.pad(value, layer._reversed_padding_repeated_twice, mode="circular"), (0, 0)


def around(value: Tensor, margin: int) -> Tensor:
    """(…, h, w) with so much of its other side at each side; as far as it reaches."""
    height, width = value.shape[-2:]
    rows = torch.arange(-margin, height + margin, device=value.device) % height
    columns = torch.arange(-margin, width + margin, device=value.device) % width
    return value[..., rows, :][..., columns]

"""SRVGGNetCompact, a plain chain of convolutions that enlarges pictures.

Wang, Xie, Dong, Shan 2021, "Real-ESRGAN", arXiv:2107.10833, in the form of its code (BSD-3-Clause,
https://github.com/xinntao/Real-ESRGAN/blob/master/realesrgan/archs/srvgg_arch.py): what it makes is added to the
picture with its pixels repeated, so that it learns only what they lack.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from ..parts.slices import Slices
from .maps.sizes import Shapes

KIND = "compact"
"""What a registry calls it."""


class CompactNetwork(nn.Module):
    """`convolutions` of so many features, and how many times a side."""

    def __init__(self, features: int, convolutions: int, scale: int) -> None:
        super().__init__()
        self.scale = scale
        self.margin = convolutions
        """Every convolution looks a pixel further."""
        layers: list[nn.Module] = []
        for index in range(convolutions - 1):
            layers += [nn.Conv2d(features if index else 3, features, 3, padding=1), nn.PReLU(features)]
        self.body = nn.ModuleList([*layers, nn.Conv2d(features, 3 * scale**2, 3, padding=1)])

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        return next(self.parameters()).dtype

    def enlarge(self, pixels: Tensor) -> Slices[Tensor]:
        """Pixels (1, 3, h, w) in 0…1 to (1, 3, h·scale, w·scale)."""
        value = pixels
        for layer in self.body:
            value = layer(value)
            if isinstance(layer, nn.PReLU):
                yield
        repeated = nn.functional.interpolate(pixels, scale_factor=self.scale, mode="nearest")
        return nn.functional.pixel_shuffle(value, self.scale) + repeated


def network_of(shapes: Shapes) -> Callable[[], CompactNetwork] | None:
    """What makes the network that tensors of these shapes are of; None where they are of another kind.

    Whether all of them fit is for whoever fills it to see.
    """
    convolutions = len(shapes) + 1
    if convolutions % 3:  # weight, bias and slopes of each, but for the last one's slopes
        return None
    convolutions //= 3
    first, last = shapes.get("body.0.weight", ()), shapes.get(f"body.{2 * convolutions - 2}.weight", ())
    if len(first) != 4 or len(last) != 4 or first[1] != 3 or convolutions < 2:
        return None
    scale = math.isqrt(last[0] // 3)
    if not scale or last[0] != 3 * scale**2:
        return None
    return partial(CompactNetwork, first[0], convolutions, scale)

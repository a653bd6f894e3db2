"""HED, which finds soft edges at five scales and takes their mean.

Xie, Tu 2015, "Holistically-Nested Edge Detection", arXiv:1504.06375, in the form in which ControlNet's authors trained
it anew (Apache-2.0, https://huggingface.co/lllyasviel/Annotators, ControlNetHED): names and shapes are that file's.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

from ..parts.slices import Slices

HED = "hed"
"""What a registry calls it."""
_BLOCKS = ((3, 64, 2), (64, 128, 2), (128, 256, 3), (256, 512, 3), (512, 512, 3))
"""Channels in and out, and convolutions, of each scale."""
_MOST = 1024 * 1024
"""Pixels that it looks at: it was trained on half of 512², and more takes gigabytes."""
_LEAST = 2 ** (len(_BLOCKS) - 1)
"""Pixels of a side: it is halved for each scale but the first."""


class _EdgeBlock(nn.Module):
    """Convolutions, and what they tell of edges."""

    def __init__(self, taken: int, made: int, count: int) -> None:
        super().__init__()
        sides = [taken, *[made] * count]
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise(sides))
        self.projection = nn.Conv2d(made, 1, 1)


class EdgeNetwork(nn.Module):
    """What a `MappingNetwork` runs."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.Parameter(torch.zeros(1, 3, 1, 1))
        for number, block in enumerate(_BLOCKS, 1):
            self.add_module(f"block{number}", _EdgeBlock(*block))

    @property
    def dtype(self) -> torch.dtype:
        return self.norm.dtype

    def looks_at(self, size: tuple[int, int]) -> tuple[int, int]:
        """The size at which it looks at a picture of `size`."""
        scale = min(math.sqrt(_MOST / (size[0] * size[1])), 1.0)
        return max(int(size[0] * scale), _LEAST), max(int(size[1] * scale), _LEAST)

    def told(self, pixels: Tensor) -> Slices[Tensor]:
        """Pixels (1, 3, h, w) in 0…1 to how sure it is of an edge, (1, 1, h, w) in 0…1."""
        value, total = pixels * 255 - self.norm, torch.zeros_like(pixels[:, :1])
        for number in range(1, len(_BLOCKS) + 1):
            block = cast("_EdgeBlock", self.get_submodule(f"block{number}"))
            if number > 1:
                value = nn.functional.max_pool2d(value, 2)
            for layer in block.convs:
                value = nn.functional.relu(layer(value), inplace=True)
                yield
            edges = block.projection(value)
            total += nn.functional.interpolate(edges, pixels.shape[2:], mode="bilinear", align_corners=False)
        return torch.sigmoid(total / len(_BLOCKS))

    def scaled(self, told: Tensor) -> Tensor:
        """In 0…1 already."""
        return told

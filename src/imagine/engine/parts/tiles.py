"""A picture through a network that enlarges it, tile by tile.

Each tile is computed with a margin of the picture around it, which is cut off again. So a network that looks no further
than its margin makes what it would make of the whole. A tile is alone in its batch, and its size follows from the
picture's: nobody else's work changes its bits.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple, Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ...messages import message
from ...words.errors import ImagineError
from ..device.transfer import sent
from .slices import Slices
from .strips import Strip, Strips


class TiledNetwork(Protocol):
    """A network that enlarges pictures."""

    @property
    def home(self) -> torch.device:
        """Where it works."""

    @property
    def scale(self) -> int:
        """How many times a side."""

    @property
    def margin(self) -> int:
        """Pixels of a picture around a tile that decide what is made of it."""

    @property
    def tile(self) -> int:
        """The longest side of a tile, in pixels, without its margin."""

    def enlarge(self, pixels: Tensor) -> Slices[Tensor]:
        """Pixels (1, 3, h, w) in 0…1 to (1, 3, h·scale, w·scale)."""


class TileSpan(NamedTuple):
    """A tile along one side: what is kept of it, and with its margin what is looked at."""

    start: int
    end: int
    outer_start: int
    outer_end: int


def tile_spans(length: int, longest: int, margin: int) -> list[TileSpan]:
    """A side cut into as few tiles as can be, as even as can be."""
    count = -(-length // longest)
    edges = [length * index // count for index in range(count + 1)]
    return [TileSpan(start, end, max(0, start - margin), min(length, end + margin)) for start, end in pairwise(edges)]


def tile_count(size: tuple[int, int], network: TiledNetwork, *, tiled: bool) -> int:
    """How many tiles a picture of that size is."""
    longest = _longest(network, tiled=tiled)
    return math.prod(-(-side // longest) for side in size)


def in_tiles(picture: Image.Image, network: TiledNetwork, *, tiled: bool) -> Strips:
    """An RGB picture `scale` times as large, a strip for each row of tiles; `tiled` needs less memory."""
    longest, scale = _longest(network, tiled=tiled), network.scale
    columns = tile_spans(picture.width, longest, network.margin)
    for row in tile_spans(picture.height, longest, network.margin):
        strip = np.empty(((row.end - row.start) * scale, picture.width * scale, 3), np.uint8)
        for column in columns:
            part = picture.crop((column.outer_start, row.outer_start, column.outer_end, row.outer_end))
            made = yield from _enlarged(network, part)
            strip[:, column.start * scale : column.end * scale] = _kept(made, row, column, scale)
        yield strip


@torch.inference_mode()
def _enlarged(network: TiledNetwork, part: Image.Image) -> Slices[Tensor]:
    pixels = torch.from_numpy(np.array(part)).permute(2, 0, 1)[None].float() / 255
    made = yield from network.enlarge(sent(pixels.contiguous(), network.home))
    if not bool(torch.isfinite(made).all()):
        raise ImagineError(message("upscaler.broken"))
    return made[0].clamp(0, 1).mul(255).round().byte().permute(1, 2, 0).cpu()


def _kept(made: Tensor, row: TileSpan, column: TileSpan, scale: int) -> Strip:
    top, left = (row.start - row.outer_start) * scale, (column.start - column.outer_start) * scale
    height, width = (row.end - row.start) * scale, (column.end - column.start) * scale
    kept: Strip = made[top : top + height, left : left + width].numpy()
    return kept


def _longest(network: TiledNetwork, *, tiled: bool) -> int:
    return network.tile // 4 if tiled else network.tile

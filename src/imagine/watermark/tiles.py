"""A picture marked: the pattern laid over it again and again, weaker where the eye would see it.

Tiles survive cuts, since any piece holds them, at a place that can be found (JAWS: T. Kalker, G. Depovere, J. Haitsma,
M. Maes, "A video watermarking system for broadcast monitoring", SPIE 3657, 1999). Whole numbers throughout, but for a
square root that every machine rounds alike: the same pixels get the same mark.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..words.watermark import MARKED, Marked
from .pattern import TILE, tile
from .windows import WHOLE, summed

_AROUND = 9
"""Pixels of a window's side, in which it is told how busy a picture is."""
_FLAT, _BUSIER, _MOST = 16, 1.0, 44
"""The mark's standard deviation, in 1/16 of 255: where nothing is, what a deviation of one more adds, and at most."""
_SMALL, _FLAT_IF_SMALL = 256 * 256, 24
"""A picture of fewer pixels has few tiles, which have to say it louder."""
_DOWN = 14
"""Bits of the products' fractions: 10 of the tile, 4 of the strength."""


def marked(picture: Image.Image, says: Marked) -> Image.Image:
    """An RGB or RGBA picture with the mark in all its colours alike; what is transparent stays so.

    One row of tiles at a time: numbers of a whole picture would take thirty times its memory.
    """
    width, height = picture.size
    pattern = np.tile(tile(MARKED.index(says)), (1, width // TILE + 1))[:, :width]
    made = Image.new(picture.mode, picture.size)
    for top in range(0, height, TILE):
        made.paste(Image.fromarray(_row(picture, top, pattern)), (0, top))
    return made


def _row(picture: Image.Image, top: int, pattern: NDArray[np.int64]) -> NDArray[np.uint8]:
    """What a row of tiles, from the line `top` on, becomes; it is told how busy it is by lines above and below, too."""
    width, height = picture.size
    lines = min(TILE, height - top)
    first = max(0, top - _AROUND // 2)
    around = np.asarray(picture.crop((0, first, width, min(height, top + lines + _AROUND // 2))))
    here = slice(top - first, top - first + lines)
    flat = _FLAT if width * height >= _SMALL else _FLAT_IF_SMALL
    colours = around[..., :3].astype(np.int64)
    change = (pattern[:lines] * _strength(colours, flat)[here] + (1 << _DOWN - 1)) >> _DOWN
    mixed = around[here].copy()
    mixed[..., :3] = np.clip(colours[here] + change[..., None], 0, 255)
    return mixed


def _strength(colours: NDArray[np.int64], flat: int) -> NDArray[np.int64]:
    """How strong it may be at each pixel, in 1/16 of 255; `flat` where nothing is."""
    light = (colours @ np.array(WHOLE, np.int64)) >> 8
    count = _AROUND * _AROUND
    spread = count * summed(light * light, _AROUND) - summed(light, _AROUND) ** 2
    busy: NDArray[np.int64] = (np.sqrt(spread.astype(np.float64)) * (_BUSIER / count)).astype(np.int64)
    return np.minimum(flat + busy, _MOST)

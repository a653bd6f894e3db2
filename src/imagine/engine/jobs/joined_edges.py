"""Pictures whose edges meet, at another size: what is made of an edge sees the other one beyond it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image

from .placement import LANCZOS, PixelSize

_REACH = 16
"""Pixels beyond an edge that decide what is made of it, of what enlarges."""


def resized_around(picture: Image.Image, size: PixelSize, resample: Image.Resampling = LANCZOS) -> Image.Image:
    """`picture` at another size."""
    if picture.size == size:
        return picture
    across, down = (_reach(old, new) for old, new in zip(picture.size, size, strict=True))
    wide = _surrounded(picture, across, down)
    return wide.resize(size, resample, box=(across, down, across + picture.width, down + picture.height))


class WideFor(NamedTuple):
    """How a picture of size `old` is surrounded by its other sides, to be enlarged to `new` by whatever enlarges."""

    old: PixelSize
    new: PixelSize

    @property
    def size(self) -> PixelSize:
        """Of what is made of the surrounded picture."""
        across, down = ((old + 2 * _REACH) * new / old for old, new in zip(self.old, self.new, strict=True))
        return round(across), round(down)

    def of(self, picture: Image.Image) -> Image.Image:
        """The picture with its other sides around it."""
        return _surrounded(picture, _REACH, _REACH)

    def within(self, made: Image.Image) -> Image.Image:
        """The picture at its new size, out of what was made of the surrounded one."""
        left, top = (_REACH * side / (old + 2 * _REACH) for side, old in zip(made.size, self.old, strict=True))
        # Pillow resamples nothing where whole pixels stay as many.
        return made.resize(self.new, LANCZOS, box=(left, top, made.width - left, made.height - top))


def _surrounded(picture: Image.Image, across: int, down: int) -> Image.Image:
    pixels = np.asarray(picture)
    margins = [(down, down), (across, across), (0, 0)]
    return Image.fromarray(np.pad(pixels, margins[: pixels.ndim], mode="wrap"))


def _reach(old: int, new: int) -> int:
    """Pixels that Lanczos' filter sees beyond its own, at the smaller of the two sizes."""
    return 3 * max(1, -(-old // new)) + 1

"""How an input picture comes to another size, and a mask with it: one placement, laid out for both."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from ...words.recipe import Resize

PixelSize = tuple[int, int]
Edges = tuple[float, float, float, float]
"""Left, top, right, bottom."""
LANCZOS = Image.Resampling.LANCZOS


@dataclass(frozen=True)
class Placement:
    """The part `box` of a picture of size `source` is scaled to `size`, and `margins` are added; all in pixels."""

    source: PixelSize
    box: Edges
    size: PixelSize
    margins: tuple[int, int, int, int] = (0, 0, 0, 0)

    def lay(self, picture: Image.Image) -> Image.Image:
        """`picture` so placed. One of another size than `source`, such as a mask, lies over all of it."""
        across, down = picture.size[0], picture.size[1]
        left, top, right, bottom = self.box
        # The product first: what it is divided by then leaves an edge of the source an edge of the picture, exactly.
        box = (
            left * across / self.source[0], top * down / self.source[1],
            right * across / self.source[0], bottom * down / self.source[1],
        )  # fmt: skip
        if picture.size != self.size or box != (0, 0, *picture.size):
            picture = picture.resize(self.size, LANCZOS, box=box)
        return edge_padded(picture, *self.margins)


def placement(source: PixelSize, target: PixelSize, resize: Resize) -> Placement:
    """How a picture of size `source` fills `target`: `crop` cuts what is over, `fit` adds its own edges, `stretch`
    distorts.
    """
    whole = (0.0, 0.0, float(source[0]), float(source[1]))
    wide = source[0] * target[1] - source[1] * target[0]
    """Above 0 where the source is of a wider shape, below where of a taller one: whole numbers, so exact."""
    if resize == "stretch" or wide == 0:
        return Placement(source, whole, target)
    if resize == "crop":
        # No rounding takes the cut below 0: the quotients are at most the source's sides, which floats hold exactly.
        across = source[1] * target[0] / target[1] if wide > 0 else source[0]
        down = source[1] if wide > 0 else source[0] * target[1] / target[0]
        left, top = (source[0] - across) / 2, (source[1] - down) / 2
        return Placement(source, (left, top, source[0] - left, source[1] - top), target)
    scale = min(target[0] / source[0], target[1] / source[1])
    size = (_side(source[0] * scale, target[0]), _side(source[1] * scale, target[1]))
    left, top = (target[0] - size[0]) // 2, (target[1] - size[1]) // 2
    return Placement(source, whole, size, (left, top, target[0] - size[0] - left, target[1] - size[1] - top))


def _side(length: float, most: int) -> int:
    return min(max(round(length), 1), most)


def edge_padded(picture: Image.Image, left: int, top: int, right: int, bottom: int) -> Image.Image:
    """`picture` with margins that go on with its outermost pixels."""
    if not (left or top or right or bottom):
        return picture
    pixels = np.asarray(picture)
    margins = [(top, bottom), (left, right), (0, 0)]
    return Image.fromarray(np.pad(pixels, margins[: pixels.ndim], mode="edge"))

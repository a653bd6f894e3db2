"""A picture in strips, from top to bottom: how an enlarged one comes, since it may be too large to be held whole.

`None` among them is no strip, but a place where others may have the device.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .slices import Slices

Strip = NDArray[np.uint8]
"""(rows, width, 3 or 4)."""
Strips = Generator[Strip | None, None, None]
PictureSize = tuple[int, int]
"""(width, height) in pixels."""

LANCZOS = Image.Resampling.LANCZOS
RESAMPLED = {"lanczos": LANCZOS, "bicubic": Image.Resampling.BICUBIC}
"""The ways of resampling that an upscaler may be, by their names."""
ROWS = 128
"""Of a strip that is resampled: eight megabytes at 16,384 pixels across, and a fraction of a second."""
_LOBES = 3
"""Pixels to each side, at the smaller of the two sizes, that Lanczos' filter looks at."""


def resampled(picture: Image.Image, size: PictureSize, how: Image.Resampling = LANCZOS) -> Strips:
    """A picture at another size: across first, and then down."""
    # Colours that nobody sees are not to bleed into those beside them.
    source = picture.convert("RGBa") if picture.mode == "RGBA" else picture
    for top, bottom in bands(size[1]):
        rows = _rows(source, size, top, bottom, how)
        yield np.asarray(rows if source is picture else rows.convert(picture.mode))
        yield None


def brought_to(strips: Strips, made: PictureSize, size: PictureSize) -> Strips:
    """A picture of size `made` at another size, by Lanczos. Holds as much of it as the filter needs."""
    if made == size:
        yield from strips
        return
    ratio, reach = made[1] / size[1], _reach(made[1] / size[1])
    held, held_from = np.empty((0, size[0], 3), np.uint8), 0
    waiting = bands(size[1])
    top, bottom = next(waiting)
    for strip in strips:
        if strip is None:
            yield None
            continue
        across = np.asarray(Image.fromarray(strip).resize((size[0], len(strip)), LANCZOS))
        held = np.concatenate([held, across])
        while min(made[1], bottom * ratio + reach) <= held_from + len(held):
            box = (0.0, top * ratio - held_from, float(size[0]), min(bottom * ratio - held_from, len(held)))
            yield np.asarray(Image.fromarray(held).resize((size[0], bottom - top), LANCZOS, box=box))
            yield None
            if bottom == size[1]:
                return
            top, bottom = next(waiting)
            needless = max(0, math.floor(top * ratio) - reach - held_from)
            held, held_from = held[needless:], held_from + needless


def with_alpha(strips: Strips, alpha: Image.Image, size: PictureSize) -> Strips:
    """Strips of a picture of that size, and beside their colours what of `alpha`, resampled, lies there."""
    top = 0
    for strip in strips:
        if strip is None:
            yield None
            continue
        opaque = _rows(alpha, size, top, top + len(strip), LANCZOS)
        yield np.dstack([strip, np.asarray(opaque)])
        top += len(strip)


def _rows(picture: Image.Image, size: PictureSize, top: int, bottom: int, how: Image.Resampling) -> Image.Image:
    """Rows of a picture at another size. Pillow would choose by the sizes which way it goes first, which shows."""
    ratio = picture.height / size[1]
    first = max(0, math.floor(top * ratio) - _reach(ratio))
    last = min(picture.height, math.ceil(bottom * ratio) + _reach(ratio))
    across = picture.crop((0, first, picture.width, last)).resize((size[0], last - first), how)
    box = (0.0, top * ratio - first, float(size[0]), min(bottom * ratio - first, last - first))
    return across.resize((size[0], bottom - top), how, box=box)


def _reach(ratio: float) -> int:
    """How many rows beyond its own a strip's filter looks at, where a row is made of so many."""
    return math.ceil(_LOBES * max(1.0, ratio)) + 1


def joined(strips: Strips, size: PictureSize) -> Slices[Image.Image]:
    """The RGB picture of that size that its strips are."""
    whole, top = Image.new("RGB", size), 0
    for strip in strips:
        if strip is not None:
            whole.paste(Image.fromarray(strip), (0, top))
            top += len(strip)
        yield
    return whole


def enlarged_size(size: PictureSize, scale: float) -> PictureSize:
    """So many times as large, to the nearest pixel."""
    return (round(size[0] * scale), round(size[1] * scale))


def bands(height: int, rows: int = ROWS) -> Iterator[tuple[int, int]]:
    """Where strips of so many rows begin and end."""
    return ((top, min(top + rows, height)) for top in range(0, height, rows))

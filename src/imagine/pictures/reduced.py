"""Pictures that are only looked at, decoded smaller than they are: a photo of 100 megapixels needs no 300 MB for it.

A JPEG is decoded at a half, a quarter or an eighth of its sides, as far as that leaves enough; PNG and WebP can't be,
and are scaled before anything else is done with them.
"""

from __future__ import annotations

import math

from PIL import Image

from ..messages import message
from ..words.errors import BadPicture
from ..words.recipe import Box
from . import images

MOST_PIXELS = 100 * 10**6
# Pillow's own warning comes before that; every picture's size is checked here before it is decoded.
Image.MAX_IMAGE_PIXELS = MOST_PIXELS
_MANY = 40 * 10**6
"""Pixels of which two copies are too much for the process that looks at pictures."""
_COLOURS = ("L", "LA", "RGB", "RGBA", "CMYK")
WHOLE: Box = (0.0, 0.0, 1.0, 1.0)
_TURNED = frozenset(
    {Image.Transpose.TRANSPOSE, Image.Transpose.ROTATE_90, Image.Transpose.TRANSVERSE, Image.Transpose.ROTATE_270}
)


def decode_reduced(data: bytes, *, field: str, largest: int, box: Box = WHOLE) -> tuple[Image.Image, tuple[int, int]]:
    """An untrusted picture as `images.decode` gives it, but of up to 100 megapixels, only what lies in `box`, and so
    that no side is longer than `largest`; and the size of the whole of it, upright.

    Raises BadPicture on `field`.
    """

    def check(size: tuple[int, int]) -> None:
        images.check_size(size, field, MOST_PIXELS)
        if math.prod(size) > MOST_PIXELS:
            most = MOST_PIXELS // 10**6
            raise BadPicture(message("picture.too_many_pixels", field, width=size[0], height=size[1], most=most))

    with images.opened(data, field, check) as (image, turn):
        size = image.size[::-1] if turn in _TURNED else image.size
        cut = _pixels(box, size)
        scale = min(1.0, largest / max(cut[2] - cut[0], cut[3] - cut[1]))
        image.draft(None, (math.ceil(image.width * scale), math.ceil(image.height * scale)))
        image.load()
        upright = _upright(image, turn, max(size) * scale)
    across, down = upright.width / size[0], upright.height / size[1]
    place = (cut[0] * across, cut[1] * down, cut[2] * across, cut[3] * down)
    made = (max(1, round((cut[2] - cut[0]) * scale)), max(1, round((cut[3] - cut[1]) * scale)))
    if upright.size == made and place == (0.0, 0.0, float(made[0]), float(made[1])):
        return upright, size
    return upright.resize(made, Image.Resampling.LANCZOS, box=place), size


def _upright(image: Image.Image, turn: Image.Transpose | None, side: float) -> Image.Image:
    """A loaded picture, plain. Each copy of a large one weighs, so before that it is made smaller by whole pixels, to
    three times the longer `side` that it is to have; one of very many pixels as soon as it may be half as large."""
    ratio = max(image.size) / side
    times = int(ratio / 3)
    if times < 2 and ratio >= 2 and image.width * image.height > _MANY:
        times = 2
    if times > 1 and image.mode in _COLOURS and "transparency" not in image.info:
        image = image.reduce(times)
    plain = images.as_plain(image)
    return plain if turn is None else plain.transpose(turn)


def _pixels(box: Box, size: tuple[int, int]) -> tuple[float, float, float, float]:
    return box[0] * size[0], box[1] * size[1], box[2] * size[0], box[3] * size[1]

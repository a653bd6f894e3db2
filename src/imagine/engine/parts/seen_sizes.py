"""In which size a denoiser sees a picture beside the one in the making."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from PIL import Image

SeenAs = Callable[[Image.Image], Image.Image]
"""A picture, RGB, to what of it a model sees, in a size that it can."""
_LANCZOS = Image.Resampling.LANCZOS


def nearest_in_shape(picture: Image.Image, sizes: Sequence[tuple[int, int]]) -> Image.Image:
    """The picture at the one of these sizes, (width, height) each, that is nearest to its shape."""
    shape = picture.width / picture.height
    size = min(sizes, key=lambda size: (abs(shape - size[0] / size[1]), size))
    return picture if picture.size == size else picture.resize(size, _LANCZOS)


def within_area(picture: Image.Image, area: int, multiple: int) -> Image.Image:
    """The picture in its own shape, made smaller where it has more than `area` pixels, and of it the middle whose sides
    are multiples of so many.

    As diffusers' `Flux2ImageProcessor` (0.42, Apache-2.0); what is narrower than one multiple is made as wide.
    """
    width, height = picture.size
    if width * height > area:
        scale = math.sqrt(area / (width * height))
        width, height = int(width * scale), int(height * scale)
    width, height = max(multiple, width), max(multiple, height)
    sized = picture if picture.size == (width, height) else picture.resize((width, height), _LANCZOS)
    wide, high = width // multiple * multiple, height // multiple * multiple
    left, top = (width - wide) // 2, (height - high) // 2
    return sized.crop((left, top, left + wide, top + high))


def of_area(picture: Image.Image, area: int, multiple: int) -> Image.Image:
    """The picture at about so many pixels, however many it has, in the nearest shape whose sides are multiples of so
    many.

    As `calculate_dimensions` of diffusers' `QwenImageEditPlusPipeline` (0.42, Apache-2.0); what is narrower than half a
    multiple is made as wide as one.
    """
    shape = picture.width / picture.height
    width = math.sqrt(area * shape)
    wide, high = (max(1, round(side / multiple)) * multiple for side in (width, width / shape))
    return picture if picture.size == (wide, high) else picture.resize((wide, high), _LANCZOS)

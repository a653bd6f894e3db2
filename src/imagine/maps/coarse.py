"""Maps that keep a picture's colours and leave details out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from .canny import Pixels

_SQUARE = 64
"""Pixels of a side that have one colour, as T2I-Adapter's colour grid has them."""
_SHARPNESS = -0.75
"""Of OpenCV's cubic interpolation."""


def coarser(picture: Image.Image, rate: float) -> Image.Image:
    """As if it had been `rate` times smaller a side."""
    small = (max(int(picture.width / rate), 1), max(int(picture.height / rate), 1))
    if small == picture.size:
        return picture
    return picture.resize(small, Image.Resampling.BOX).resize(picture.size, Image.Resampling.LANCZOS)


def blurred(picture: Image.Image, sigma: float) -> Image.Image:
    """By a Gaussian, so nearly: Pillow's takes three boxes, and equal time for any width."""
    return picture.filter(ImageFilter.GaussianBlur(sigma))


def colour_grid(pixels: Pixels) -> Pixels:
    """A colour for each square: that between its middle pixels, by OpenCV's cubic interpolation."""
    height, width = pixels.shape[:2]
    rows, columns = max(height // _SQUARE, 1), max(width // _SQUARE, 1)
    upright = _sampled(pixels, rows, 0)
    grid = np.rint(_sampled(upright, columns, 1)).clip(0, 255).astype(np.uint8)
    return grid[_nearest(height, rows)][:, _nearest(width, columns)]


def _sampled(values: Pixels | NDArray[np.float32], count: int, axis: int) -> NDArray[np.float32]:
    """So many samples along an axis, the edges' values going on beyond them."""
    length = values.shape[axis]
    at = (np.arange(count) + 0.5) * (length / count) - 0.5
    first = np.floor(at).astype(int)
    taps = [np.clip(first + step, 0, length - 1) for step in (-1, 0, 1, 2)]
    shape = [-1 if each == axis else 1 for each in range(values.ndim)]
    weights = [each.reshape(shape).astype(np.float32) for each in _cubic(at - first)]
    parts = [weight * values.take(tap, axis) for tap, weight in zip(taps, weights, strict=True)]
    sampled: NDArray[np.float32] = parts[0] + parts[1] + parts[2] + parts[3]
    return sampled


def _cubic(part: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """The weights of four neighbours, `part` of the way from the second to the third (Keys 1981)."""
    a = _SHARPNESS
    outer = ((a * (part + 1) - 5 * a) * (part + 1) + 8 * a) * (part + 1) - 4 * a
    near = ((a + 2) * part - (a + 3)) * part * part + 1
    rest = 1 - part
    far = ((a + 2) * rest - (a + 3)) * rest * rest + 1
    return [outer, near, far, 1 - outer - near - far]


def _nearest(length: int, count: int) -> NDArray[np.intp]:
    return np.minimum(np.arange(length) * count // length, count - 1)

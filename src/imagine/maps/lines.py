"""Lines of drawings and photos: what is darker than around it.

By the arithmetic of controlnet_aux's standard line art (Apache-2.0, https://github.com/huggingface/controlnet_aux), and
of the XDoG scribbles that AUTOMATIC1111's users know: how a picture differs from its own blur, in the colour that does
least.
"""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
from numpy.typing import NDArray

from .canny import Pixels

_BAND = 256
"""Rows at a time."""
_WIDTHS = 4.0
"""A Gaussian ends at so many times its sigma, as OpenCV's of floating point does."""
_FAINTEST = 16.0
"""What a usual line is at least: noise on paper is no drawing."""
_USUAL = 127.0
"""What a usual line is drawn as."""
_FINE, _BROAD = 0.5, 5.0
"""The sigmas of scribbles."""

_Real = NDArray[np.float32]


def lineart(pixels: Pixels, sigma: float, threshold: float) -> Generator[None, None, Pixels]:
    """Lines (height, width), as bright as they are dark against around them."""
    darker = np.empty(pixels.shape[:2], np.float32)
    for top, bottom in _bands(pixels):
        blurred = _blurred(pixels, sigma, top, bottom)
        darker[top:bottom] = (blurred - pixels[top:bottom]).min(axis=2).clip(0, 255)
        yield
    lines = darker[darker > threshold]
    usual = max(_FAINTEST, float(np.median(lines))) if lines.size else _FAINTEST
    yield
    return (darker * (_USUAL / usual)).clip(0, 255).astype(np.uint8)


def scribble(pixels: Pixels, threshold: float) -> Generator[None, None, Pixels]:
    """Strokes (height, width), 255 or 0."""
    strokes = np.zeros(pixels.shape[:2], np.uint8)
    for top, bottom in _bands(pixels):
        difference = _blurred(pixels, _BROAD, top, bottom) - _blurred(pixels, _FINE, top, bottom)
        paper = (255 - difference.min(axis=2)).clip(0, 255).astype(np.uint8)
        strokes[top:bottom][2.0 * (255 - paper) > threshold] = 255
        yield
    return strokes


def _bands(pixels: Pixels) -> Generator[tuple[int, int]]:
    for top in range(0, len(pixels), _BAND):
        yield top, min(top + _BAND, len(pixels))


def _blurred(pixels: Pixels, sigma: float, top: int, bottom: int) -> _Real:
    """The rows from `top` to `bottom` of a picture blurred, which goes on mirrored beyond its edges."""
    from scipy import ndimage  # takes a tenth of a second, and few pictures need it

    reach = int(_WIDTHS * sigma + 0.5)
    rows = pixels[_mirrored(top - reach, bottom + reach, len(pixels))].astype(np.float32)
    upright = ndimage.gaussian_filter1d(rows, sigma, axis=0, truncate=_WIDTHS)[reach : len(rows) - reach]
    blurred: _Real = ndimage.gaussian_filter1d(upright, sigma, axis=1, mode="mirror", truncate=_WIDTHS)
    return blurred


def _mirrored(first: int, end: int, count: int) -> NDArray[np.intp]:
    """Rows of `count`, those beyond an end mirrored at it."""
    period = max(2 * count - 2, 1)
    rows = np.arange(first, end) % period
    return np.minimum(rows, period - rows) if count > 1 else np.zeros_like(rows)

"""Canny's edges, as OpenCV finds them: Sobel's gradient over 3 pixels, its size by |dx| + |dy|.

J. Canny 1986, "A Computational Approach to Edge Detection", in the arithmetic of OpenCV's `Canny` (Apache-2.0,
https://github.com/opencv/opencv/blob/4.x/modules/imgproc/src/canny.cpp): whole numbers throughout, the borders' pixels
repeated, no gradient outside, of several channels the steepest, directions told by tan 22.5° in 15 bits.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Where = NDArray[np.bool_]
_Numbers = NDArray[np.int32]

_BAND = 256
"""Rows that are gone through at a time: their gradients lie in the processor's caches."""
_TAN_22 = 13573
"""tan 22.5° · 2¹⁵, rounded; tan 67.5° is 2 more."""
_BITS = 15


class _Gradient(NamedTuple):
    """Of rows of a picture, one more at either end, and a column: outside the picture there is none."""

    across: _Numbers
    down: _Numbers
    size: _Numbers


def edges(pixels: Pixels, low: float, high: float) -> Generator[None, None, Where]:
    """Where a picture (height, width, channels) has edges; in slices.

    They begin where the gradient is above `high`, and go on where it is above `low`.
    """
    from scipy import ndimage  # takes a tenth of a second, and few pictures need it

    low, high = sorted((low, high))
    ridges = np.zeros(pixels.shape[:2], np.bool_)
    begins = np.zeros_like(ridges)
    for top in range(0, len(pixels), _BAND):
        rows = slice(top, min(top + _BAND, len(pixels)))
        ridge, size = _ridges(_gradient(pixels, rows.start, rows.stop), low)
        ridges[rows].ravel()[ridge] = True
        begins[rows].ravel()[ridge[size > high]] = True
        yield
    labels, count = ndimage.label(ridges, np.ones((3, 3)))
    yield
    kept = np.zeros(count + 1, np.bool_)
    kept[labels[begins]] = True
    found: Where = kept[labels]
    return found


def _gradient(pixels: Pixels, top: int, bottom: int) -> _Gradient:
    """Of the rows from `top` to `bottom`; of several channels the first that is steepest."""
    rows = np.clip(np.arange(top - 2, bottom + 2), 0, len(pixels) - 1)
    shape = (bottom - top + 2, pixels.shape[1] + 2)
    best = _Gradient(*(np.zeros(shape, np.int32) for _ in range(3)))
    inner = tuple(part[:, 1:-1] for part in best)
    for channel in range(pixels.shape[2]):
        across, down = _sobel(np.pad(pixels[rows, :, channel], ((0, 0), (1, 1)), "edge").astype(np.int32))
        size = np.abs(across) + np.abs(down)
        steeper = size > inner[2]
        for kept, new in zip(inner, (across, down, size), strict=True):
            np.copyto(kept, new, where=steeper)
    if top == 0:
        best.size[0] = 0
    if bottom == len(pixels):
        best.size[-1] = 0
    return best


def _sobel(values: _Numbers) -> tuple[_Numbers, _Numbers]:
    """Across and down, a pixel less at every side."""
    smooth = values[:-2] + 2 * values[1:-1] + values[2:]
    change = values[2:] - values[:-2]
    return smooth[:, 2:] - smooth[:, :-2], change[:, :-2] + 2 * change[:, 1:-1] + change[:, 2:]


def _ridges(gradient: _Gradient, low: float) -> tuple[NDArray[np.intp], _Numbers]:
    """Which pixels of the rows are steeper than `low` and than those before and behind them, and how steep."""
    wide = gradient.size.shape[1]
    at = np.flatnonzero(gradient.size[1:-1] > low) + wide
    size, across, down = (part.ravel() for part in (gradient.size, gradient.across, gradient.down))
    here, flat = size[at], np.abs(across[at]) * _TAN_22
    steep = np.abs(down[at]) << _BITS
    level = steep < flat
    upright = steep > flat + (np.abs(across[at]) << _BITS + 1)
    leaning = np.where((across[at] ^ down[at]) < 0, wide + 1 - 2, wide + 1)
    before = np.where(level, 1, np.where(upright, wide, leaning))
    ahead, behind = size[at + before], size[at - before]
    top = (here > behind) & np.where(level | upright, here >= ahead, here > ahead)
    kept = at[top]
    return (kept // wide - 1) * (wide - 2) + kept % wide - 1, here[top]

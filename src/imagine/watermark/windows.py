"""Sums over windows of pixels, and how light a colour is."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

WHOLE = (77, 150, 29)
"""Parts of 256 of red, green and blue (ITU-R BT.601)."""
Number = TypeVar("Number", np.int64, np.float64)


def summed(values: NDArray[Number], side: int) -> NDArray[Number]:
    """Over the window of an odd `side` around each of H × W values; beyond the edge those of the edge count."""
    half = side // 2
    padded = np.pad(values, ((half + 1, half), (half + 1, half)), mode="edge")
    sums = padded.cumsum(0).cumsum(1)
    over: NDArray[Number] = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    return over

"""Which way surfaces face, told by how near they are.

As the preprocessor of ControlNet 1.0 makes them of MiDaS's depths (Apache-2.0, https://github.com/lllyasviel/ControlNet):
the slopes across and down, and a constant towards the front. Front is blue, left red, up green.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .canny import Pixels

_FRONT = 2 * math.pi
_DEPTHS = 1000.0
"""How far MiDaS's numbers go, which the constant is made for."""


def normals(nearness: NDArray[np.float32], threshold: float) -> Pixels:
    """Of `nearness` (height, width) in 0…1; what is farther than `threshold` faces the front."""
    from scipy import ndimage  # takes a tenth of a second, and few pictures need it

    facing = np.empty((*nearness.shape, 3), np.float32)
    for axis, slope in ((1, facing[..., 0]), (0, facing[..., 1])):
        ndimage.sobel(nearness * np.float32(_DEPTHS), axis, output=slope, mode="mirror")
        slope[nearness < threshold] = 0
    facing[..., 2] = _FRONT
    facing /= np.sqrt((facing**2).sum(axis=2, keepdims=True))
    return (facing * 127.5 + 127.5).clip(0, 255).astype(np.uint8)

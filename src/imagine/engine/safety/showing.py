"""How a picture comes to the squares that a network looks at."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .checker import Rgb
from .statement import Resampling

_RESAMPLING = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
_MOST_SQUARES = 8


class Showing(NamedTuple):
    """`whole`: the picture is squeezed into one square, whatever its shape; else as many as cover it are cut out of it,
    at its own proportions. Pixels are of 0…1 before `mean` and `deviation`."""

    side: int
    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]
    resampling: Resampling = "bilinear"
    whole: bool = True


def shown(rgb: Rgb, showing: Showing) -> Tensor:
    """A picture as a network takes it, (squares, 3, side, side) in float32, channels last in memory."""
    picture = Image.fromarray(rgb)
    size, how = (showing.side, showing.side), _RESAMPLING[showing.resampling]
    boxes = [(0.0, 0.0, *picture.size)] if showing.whole else squares(*picture.size)
    seen = np.stack([np.asarray(picture.resize(size, how, box)) for box in boxes])
    values = torch.from_numpy(seen).float().div_(255)
    return values.sub_(torch.tensor(showing.mean)).div_(torch.tensor(showing.deviation)).permute(0, 3, 1, 2)


def squares(width: int, height: int) -> Iterator[tuple[float, float, float, float]]:
    """As few squares as cover the picture, evenly spread over its longer side; eight of one that is longer still."""
    short = min(width, height)
    count = min(math.ceil(max(width, height) / short), _MOST_SQUARES)
    for index in range(count):
        across, down = ((side - short) * index / max(count - 1, 1) for side in (width, height))
        yield across, down, across + short, down + short

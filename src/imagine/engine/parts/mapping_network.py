"""A network that makes maps of pictures, as a part of a model."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ...messages import message
from ...words.errors import UnusableModel
from .part import ModulePart
from .part_key import PartKey
from .slices import Slices

Values = NDArray[np.float32]


class MappingNetwork(ModulePart):
    """`module` says at which size it looks at a picture, and tells a value for each pixel in slices."""

    def __init__(self, module: Any, key: PartKey | None) -> None:
        super().__init__(module, key)

    def values(self, picture: Image.Image) -> Slices[Values]:
        """What it tells of an RGB picture, (height, width) in 0…1. Raises UnusableModel where those are no numbers."""
        seen = picture.resize(self.module.looks_at(picture.size), Image.Resampling.BICUBIC)
        pixels = torch.from_numpy(np.array(seen)).permute(2, 0, 1)[None].to(self.home, torch.float32) / 255
        told: Tensor = yield from self.module.told(pixels)
        told = torch.nn.functional.interpolate(told, picture.size[::-1], mode="bicubic", align_corners=False)
        yield
        values: Values = self.module.scaled(told)[0, 0].clamp(0, 1).cpu().numpy()
        if not np.isfinite(values).all():
            raise UnusableModel(message("preprocess.broken"))
        return values

"""A network that enlarges pictures, as a part of a model."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from .part import ModulePart
from .part_key import PartKey
from .slices import Slices


class EnlargingNetwork(ModulePart):
    """`module` says its `scale`, the `margin` that it looks at, and enlarges in slices."""

    def __init__(self, module: Any, key: PartKey | None, tile: int) -> None:
        super().__init__(module, key)
        self.scale: int = module.scale
        self.margin: int = module.margin
        self.tile = tile

    def enlarge(self, pixels: Tensor) -> Slices[Tensor]:
        """Pixels (1, 3, h, w) in 0…1 to (1, 3, h·scale, w·scale)."""
        made: Tensor = yield from self.module.enlarge(pixels)
        return made

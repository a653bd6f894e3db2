"""A U-Net as a part."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ...files.mapped import release
from ..execution.execution import Eager, Execution, Inputs
from ..execution.packed import Packed, can_pack
from ..execution.shares import Shared, rows_of_share
from .part import ModulePart
from .part_key import PartKey


class DenoiserPart(ModulePart):
    """A diffusers `UNet2DConditionModel`, which only its `execution` runs."""

    def __init__(self, module: Any, key: PartKey | None = None, execution: Execution | None = None) -> None:
        super().__init__(module, key)
        self.execution: Execution = execution or self._own()
        self.weights = sum(parameter.numel() for parameter in module.parameters())
        self.latent_channels = int(module.config.out_channels)
        self.in_channels = int(module.config.in_channels)
        """The latents', and of one that inpaints those of the mask and of the masked picture's latents."""

    def _own(self) -> Execution:
        if can_pack(self.home, self.module):
            return Packed(self.module, release)
        eager = Eager(self.module)
        return Shared(eager) if self.home.type == "cpu" else eager

    def share(self, places: int, told: int | None = None) -> int:
        """The rows of the shares that it makes batches in, of latents that have so many places: as many as a recipe
        `told` where it can. 0: it makes them whole."""
        if not isinstance(self.execution, Shared):
            return 0
        return rows_of_share(self.weights, places) if told is None else told

    def run(self, asked: Inputs) -> Tensor:
        """Its answer (rows, C, h, w) in float32."""
        return self.execution.run(asked).float()

    def move(self, device: torch.device) -> None:
        self.execution.drop()
        super().move(device)

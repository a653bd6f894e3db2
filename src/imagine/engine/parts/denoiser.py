"""A denoiser as a part."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..execution.execution import Call, Execution, Inputs, call_unet
from ..execution.shares import Shared, rows_of_share
from .part import ModulePart
from .part_key import PartKey


class DenoiserPart(ModulePart):
    """A network that only its `execution` runs."""

    def __init__(
        self, module: Any, key: PartKey | None, execution: Execution, *, latent_channels: int, in_channels: int,
        call: Call = call_unet,
    ) -> None:  # fmt: skip
        """`in_channels`: the latents', and of one that inpaints those of the mask and of the masked picture's
        latents; `call`: how its module is asked."""
        super().__init__(module, key)
        self.execution, self.call = execution, call
        self.weights = sum(parameter.numel() for parameter in module.parameters())
        self.latent_channels, self.in_channels = latent_channels, in_channels

    def share(self, places: int, told: int | None = None) -> int:
        """The rows of the shares that it makes batches in, of latents that have so many places: as many as a recipe
        `told` where it can. 0: it makes them whole."""
        if not isinstance(self.execution, Shared):
            return 0
        return rows_of_share(self.weights, places) if told is None else told

    def run(self, asked: Inputs) -> Tensor:
        """Its answer (rows, …) in float32."""
        with self.there():  # a call may ask its layers, and never the whole of it
            return self.execution.run(asked).float()

    def move(self, device: torch.device) -> None:
        self.execution.drop()
        super().move(device)

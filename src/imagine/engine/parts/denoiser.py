"""A U-Net as a part."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from .part import ModulePart
from .part_key import PartKey


class DenoiserPart(ModulePart):
    """A diffusers `UNet2DConditionModel`."""

    def __init__(self, module: Any, key: PartKey | None = None) -> None:
        super().__init__(module, key)
        self.latent_channels = int(module.config.out_channels)
        self.in_channels = int(module.config.in_channels)
        """The latents', and of one that inpaints those of the mask and of the masked picture's latents."""

    def run(
        self, latents: Tensor, timesteps: Tensor, context: Tensor, added: dict[str, Tensor] | None = None
    ) -> Tensor:
        """Its answer (rows, C, h, w) in float32, for latents (rows, C, h, w) at timesteps (rows,).

        `context` holds the prompts' tokens, `added` what conditions it beside them.
        """
        answer: Tensor = self.module(
            latents.to(self.dtype), timesteps, context, added_cond_kwargs=added, return_dict=False
        )[0]
        return answer.float()

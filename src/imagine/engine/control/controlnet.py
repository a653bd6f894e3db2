"""ControlNet: a copy of a U-Net's way down, which sees a map beside the latents (Zhang et al. 2023, "Adding Conditional
Control to Text-to-Image Diffusion Models", https://arxiv.org/abs/2302.05543), and its union for several kinds of maps.

What it makes of the map alone is made once. The network is diffusers', and runs as the U-Net beside it does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import Identity, Module

from ...files.mapped import release
from ...messages import message
from ...words.errors import BadRequest
from ...words.map_words import UNION_KINDS
from ..execution.execution import Inputs
from ..execution.flow import call_processors
from ..execution.packed import can_pack, lay_out
from .control_network import SeenMap
from .residuals import Residuals

FileCheck = Callable[[], None]


class ControlNet:
    """A `ControlNetwork` of a `ControlNetModel`."""

    convolving: Sequence[Module]

    def __init__(self, module: Any, check: FileCheck, *, flipped: bool = False, laid_out: bool = False) -> None:
        """`flipped`: it was trained on maps whose channels are blue, green and red. `laid_out`: its weights lie as the
        kernels want them, where they can."""
        self.check, self._flipped = check, flipped
        self.module = module
        self._encoder: Module = module.controlnet_cond_embedding
        module.controlnet_cond_embedding = Identity()
        self.convolving = (module, self._encoder)
        weight = module.conv_in.weight
        self._device, self._dtype = weight.device, weight.dtype
        self._packs, self._laid_out = can_pack(self._device, module), laid_out
        call_processors(module)

    def for_vae(self, _pixels: Tensor) -> None:
        return None

    @torch.inference_mode()
    def hint(self, seen: SeenMap, _kind: str) -> Any:
        pixels = seen.pixels.flip(1) if self._flipped else seen.pixels
        made: Tensor = self._encoder(pixels.to(self._device, self._dtype))
        return made.contiguous(memory_format=torch.channels_last) if self._packs else made

    def residuals(self, asked: Inputs, hint: Any, strength: float, _sided: bool, /) -> Residuals:
        skips, middle = self._run(asked, controlnet_cond=hint, conditioning_scale=strength)
        return Residuals(tuple(skips), middle)

    def _run(self, asked: Inputs, **more: Any) -> tuple[list[Tensor], Tensor]:
        latents = asked.latents
        if self._packs:
            if not self._laid_out:
                lay_out(self.module, release)
            latents = latents.contiguous(memory_format=torch.channels_last)
        made: tuple[list[Tensor], Tensor] = self.module(
            latents, asked.timesteps, asked.context, added_cond_kwargs=asked.added, return_dict=False, **more
        )
        return made


class UnionNet(ControlNet):
    """A `ControlNetwork` of a `ControlNetUnionModel`: which kind of map it sees, it is told."""

    def hint(self, seen: SeenMap, kind: str) -> Any:
        """Raises BadRequest where it wasn't trained on maps of that kind."""
        kinds: int = self.module.config.num_control_type
        number = UNION_KINDS.get(kind, kinds)
        if number >= kinds:
            known = ", ".join(name for name, place in UNION_KINDS.items() if place < kinds)
            raise BadRequest(message("control.union", "control", value=kind, names=known))
        return super().hint(seen, kind), number

    def residuals(self, asked: Inputs, hint: Any, strength: float, _sided: bool, /) -> Residuals:
        embedded, number = hint
        sides = len(asked.latents)
        told = torch.zeros(sides, self.module.config.num_control_type, device=self._device, dtype=self._dtype)
        told[:, number] = 1
        skips, middle = self._run(
            asked, controlnet_cond=[embedded.expand(sides, -1, -1, -1)], control_type=told, control_type_idx=[number],
            conditioning_scale=[strength],
        )  # fmt: skip
        return Residuals(tuple(skips), middle)

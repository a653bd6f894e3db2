"""T2I-Adapter: what a small network sees in a map, added to a U-Net's way down (Mou et al. 2023,
https://arxiv.org/abs/2302.08453). It sees neither latents nor step, so it runs once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module, functional

from ..execution.execution import Inputs
from .control_network import SeenMap
from .controlnet import FileCheck
from .residuals import Residuals


class FeatureAdapter:
    """A `ControlNetwork` of a `T2IAdapter`."""

    convolving: Sequence[Module]

    def __init__(self, module: Any, check: FileCheck, *, flipped: bool = False) -> None:
        """`flipped`: as a `ControlNet`'s."""
        self.check, self._module, self._flipped = check, module, flipped
        self.convolving = (module,)
        self._channels, self._folded = int(module.config.in_channels), int(module.config.downscale_factor)
        weight = next(module.parameters())
        self._device, self._dtype = weight.device, weight.dtype

    def for_vae(self, _pixels: Tensor) -> None:
        return None

    @torch.inference_mode()
    def hint(self, seen: SeenMap, _kind: str) -> Any:
        pixels = seen.pixels
        pixels = _grey(pixels) if self._channels == 1 else pixels.flip(1) if self._flipped else pixels
        # Sides that its folds don't fit are one row of latents longer, as the U-Net's own halves are.
        missing = [-side % self._folded for side in pixels.shape[2:]]
        pixels = functional.pad(pixels, [0, missing[1], 0, missing[0]], mode="replicate")
        return tuple(self._module(pixels.to(self._device, self._dtype)))

    def residuals(self, _asked: Inputs, hint: Any, strength: float, _sided: bool, /) -> Residuals:
        return Residuals(features=tuple(feature * strength for feature in hint))


def _grey(pixels: Tensor) -> Tensor:
    """ITU-R BT.601's luma, as Pillow's `L` is."""
    return (pixels * pixels.new_tensor([0.299, 0.587, 0.114])[:, None, None]).sum(1, keepdim=True)

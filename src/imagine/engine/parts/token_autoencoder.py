"""FLUX.2's VAE: two by two of its latents are one of the denoiser's, and each of those numbers is normalised.

As diffusers' `Flux2Pipeline` (0.42, Apache-2.0) does it around its `AutoencoderKLFlux2`, but for the mean and the
deviation of what it was trained on, which are float32 here whatever the network computes in.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from ..device.transfer import sent
from .autoencoder import Autoencoder, Coded
from .part_key import PartKey
from .slices import Slices

SIDE = 2
"""Latents along a side that are one."""


class LatentStatistics(NamedTuple):
    """Of the latents that a VAE was trained to make, (C,) each, in float32."""

    mean: Tensor
    deviation: Tensor


class TokenAutoencoder(Autoencoder):
    """A diffusers `AutoencoderKLFlux2` without its `bn`, and the statistics that it holds."""

    def __init__(self, vae: Any, key: PartKey | None, statistics: LatentStatistics) -> None:
        super().__init__(vae, key, scale=1.0)
        self._mean, self._deviation = (each[None, :, None, None] for each in statistics)
        self.channels = len(statistics.mean)
        """Of the denoiser's latents."""

    def encoding(self, pixels: Tensor, *, tiled: bool = False) -> Slices[Coded]:
        """Pixels (1, 3, H, W) in −1…1 to latents (1, 4·C, h/2, w/2)."""
        made, warning = yield from super().encoding(pixels, tiled=tiled)
        latents = pixel_unshuffle(made, SIDE)
        return Coded((latents - sent(self._mean, made.device)) / sent(self._deviation, made.device), warning)

    def decoding(self, latents: Tensor, *, tiled: bool = False) -> Slices[Coded]:
        """Latents (1, 4·C, h/2, w/2) to pixels in −1…1, on the CPU."""
        plain = latents * sent(self._deviation, latents.device) + sent(self._mean, latents.device)
        return (yield from super().decoding(pixel_shuffle(plain, SIDE).contiguous(), tiled=tiled))


def statistics_of(mean: Tensor, variance: Tensor, epsilon: float) -> LatentStatistics:
    """From what a file holds of them."""
    return LatentStatistics(mean.float().clone(), torch.sqrt(variance.float() + epsilon))

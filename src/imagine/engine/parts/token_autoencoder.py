"""FLUX.2's VAE: two by two of its latents are one of the denoiser's, and each of those numbers is normalised.

As diffusers' `Flux2Pipeline` (0.42, Apache-2.0) does it around its `AutoencoderKLFlux2`, but for the mean and the
deviation of what it was trained on, which are float32 here whatever the network computes in.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from .standardised import LatentStatistics, StandardAutoencoder

SIDE = 2
"""Latents along a side that are one."""


class TokenAutoencoder(StandardAutoencoder):
    """A diffusers `AutoencoderKLFlux2` without its `bn`, and the statistics that it holds: of latents (1, 4·C, h/2,
    w/2), as the denoiser has them."""

    def _joined(self, made: Tensor) -> Tensor:
        return pixel_unshuffle(made, SIDE)

    def _split(self, plain: Tensor) -> Tensor:
        return pixel_shuffle(plain, SIDE).contiguous()


def statistics_of(mean: Tensor, variance: Tensor, epsilon: float) -> LatentStatistics:
    """From what a file holds of them."""
    return LatentStatistics(mean.float().clone(), torch.sqrt(variance.float() + epsilon))

"""A VAE whose latents are brought to a mean of zero and a deviation of one, channel by channel, by what is known of
those that it was trained to make. Those numbers are float32 whatever the network computes in."""

from __future__ import annotations

from typing import Any, NamedTuple

from torch import Tensor

from ..device.transfer import sent
from .autoencoder import Autoencoder, Coded
from .part_key import PartKey
from .slices import Slices


class LatentStatistics(NamedTuple):
    """Of the latents that a VAE was trained to make, (C,) each, in float32."""

    mean: Tensor
    deviation: Tensor


class StandardAutoencoder(Autoencoder):
    """A VAE, and the statistics of its latents."""

    def __init__(self, vae: Any, key: PartKey | None, statistics: LatentStatistics) -> None:
        super().__init__(vae, key, scale=1.0)
        self._mean, self._deviation = (each[None, :, None, None] for each in statistics)

    @property
    def channels(self) -> int:
        """Of the denoiser's latents."""
        return self._mean.shape[1]

    def encoding(self, pixels: Tensor, *, tiled: bool = False, wraps: bool = False) -> Slices[Coded]:
        """Pixels (1, 3, H, W) in −1…1 to latents."""
        made, warning = yield from super().encoding(pixels, tiled=tiled, wraps=wraps)
        latents = self._joined(made)
        return Coded((latents - sent(self._mean, made.device)) / sent(self._deviation, made.device), warning)

    def decoding(self, latents: Tensor, *, tiled: bool = False, wraps: bool = False) -> Slices[Coded]:
        """Latents to pixels in −1…1, on the CPU."""
        plain = latents * sent(self._deviation, latents.device) + sent(self._mean, latents.device)
        return (yield from super().decoding(self._split(plain), tiled=tiled, wraps=wraps))

    def _joined(self, made: Tensor) -> Tensor:
        """The denoiser's latents of the network's."""
        return made

    def _split(self, plain: Tensor) -> Tensor:
        """The network's latents of the denoiser's."""
        return plain

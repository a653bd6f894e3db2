"""An image encoder that is a model's own: what its denoiser is shown of a picture, with noise in it and told how much.

Stable unCLIP, after Ramesh et al. 2022 (arXiv:2204.06125), in the numbers of diffusers'
`StableUnCLIPImg2ImgPipeline.noise_image_embeddings` (0.42, Apache-2.0).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from PIL import Image
from torch import Tensor

from ...messages import Message, message
from ...pictures.crops import Squared
from .clip_vision import ClipVisionModel
from .image_encoder import ImageEncoder
from .part import ModulePart
from .part_key import PartKey
from .slices import Slices, whole

_SLOWEST = 10_000
"""The longest of the waves that a level is told by, over the shortest."""


class Noising(NamedTuple):
    """How noise came into embeddings in a denoiser's training."""

    mean: Tensor
    deviation: Tensor
    """Of embeddings, (1, width), in float32 in main memory: noise comes into what they make equal."""
    signals: Tensor
    """How much of an embedding is left at each level of noise, from the least."""


class PictureEmbedder(ModulePart):
    """A `ClipVisionModel`.

    It is needed only while a picture is seen: once the device is short of memory it waits in main memory.
    """

    may_visit = False

    def __init__(self, module: ClipVisionModel, noising: Noising, key: PartKey | None = None) -> None:
        super().__init__(module, key)
        self.width = module.config.projection_dim
        """Numbers of an embedding."""
        self._encoder, self._noising, self._looking = ImageEncoder(module), noising, 0

    @property
    def shown(self) -> int:
        """How many numbers a denoiser is told: an embedding's, and as many for how much noise is in it."""
        return 2 * self.width

    def see(self, picture: Image.Image, how: Squared) -> Slices[Tensor]:
        """A picture's embedding, (1, width), in float32 in main memory."""
        self._looking += 1
        try:
            seen = yield from self._seen(picture, how)
        finally:
            self._looking -= 1
        return seen

    def told(self, embedding: Tensor, amount: float, noise: Tensor) -> Tensor:
        """What a denoiser is told of an embedding, (1, shown), with so much noise in it, 0…1, of which `noise` is
        the first: at 0, too, there is the least that it was trained with."""
        known = self._noising
        level = round(amount * (len(known.signals) - 1))
        signal = known.signals[level]
        equal = (embedding - known.mean) / known.deviation
        noised = signal * equal + (1 - signal**2).sqrt() * noise
        return torch.cat([noised * known.deviation + known.mean, _waves(level, self.width)], 1)

    def spare(self) -> Message | None:
        if self.spared or self._looking or self.home.type == "cpu":
            return None
        self.move(torch.device("cpu"))
        return message("memory.encoders")

    def _seen(self, picture: Image.Image, how: Squared) -> Slices[Tensor]:
        if not self.spared:
            seen = yield from self._encoder.see(picture, how)
        else:  # at once: nobody else may have it come and go meanwhile
            with self.at_work():
                self.arrive()
                seen = whole(self._encoder.see(picture, how))
        return seen.embedding.float().cpu()


def _waves(level: int, width: int) -> Tensor:
    """A number as cosines and sines of it, (1, width): Ho et al. 2020 (arXiv:2006.11239), as timesteps are told."""
    half = width // 2
    slower = torch.exp(-math.log(_SLOWEST) * torch.arange(half, dtype=torch.float32) / half)
    waves = torch.cat([torch.cos(level * slower), torch.sin(level * slower)])[None]
    return torch.nn.functional.pad(waves, (0, width - 2 * half))

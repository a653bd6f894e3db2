"""What every family has whose denoiser is a U-Net guided by a second row: its parts, its guidance, its pictures."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ...messages import Message
from ..execution.execution import Inputs
from ..parts.autoencoder import Autoencoder, Coded
from ..parts.denoiser import DenoiserPart
from ..parts.part import Part, Stage
from ..parts.picture_embedder import PictureEmbedder
from ..parts.prompts import TextEncoder
from ..parts.rows import Rows, concatenated, shape_of
from ..parts.slices import Slices
from ..sampling.guidance import guided, uses_guidance
from ..sampling.noise import Noise


class UNetModel:
    """The half of a `Family` that doesn't depend on what the U-Net is conditioned by beside the prompt's tokens, which
    rows hold as `context`, and what an inpainting checkpoint sees, their `inpainting`."""

    downscale = 8
    embedder: PictureEmbedder | None = None

    def __init__(
        self, name: str, *, denoiser: DenoiserPart, text: TextEncoder, autoencoder: Autoencoder, noise: Noise,
        native: int, warnings: tuple[Message, ...] = (),
    ) -> None:  # fmt: skip
        self.name, self._noise, self.native, self.warnings = name, noise, native, warnings
        self._denoiser, self._text, self._autoencoder = denoiser, text, autoencoder
        self.latent_channels = denoiser.latent_channels
        self.takes_mask = denoiser.in_channels == 2 * self.latent_channels + 1
        self.dtype = str(denoiser.dtype).removeprefix("torch.")

    def parts(self, stage: Stage) -> Sequence[Part]:
        return {"encode": self._text.parts, "denoise": (self._denoiser,), "decode": (self._autoencoder,)}[stage]

    def executed(self) -> Mapping[str, Any]:
        return self._denoiser.execution.recorded()

    def share(self, size: tuple[int, int], told: int | None = None) -> int:
        return self._denoiser.share(size[0] // self.downscale * (size[1] // self.downscale), told)

    def noise(self, _size: tuple[int, int], _steps: int) -> Noise:
        return self._noise

    def uses_guidance(self, scale: float) -> bool:
        return uses_guidance(scale)

    def guide(self, negative: Tensor, positive: Tensor, scale: float) -> Tensor:
        return guided(negative, positive, scale)

    def shape(self, rows: Rows) -> Hashable:
        return shape_of(rows)

    def collate(self, rows: Sequence[Rows]) -> Rows:
        return concatenated(rows)

    def inputs(self, latents: Tensor, timesteps: Tensor, rows: Rows) -> Inputs:
        return Inputs(latents.to(self._denoiser.dtype), timesteps, rows["context"], None)

    def denoise(self, latents: Tensor, timesteps: Tensor, rows: Rows) -> Tensor:
        asked = self.inputs(latents, timesteps, rows)
        if "inpainting" in rows:
            asked = asked._replace(latents=torch.cat([asked.latents, rows["inpainting"].to(asked.latents)], 1))
        return self._denoiser.run(asked)

    def encode_picture(self, pixels: Tensor, *, tiled: bool = False) -> Slices[Coded]:
        return self._autoencoder.encoding(pixels, tiled=tiled)

    def decode(self, latents: Tensor, *, tiled: bool = False) -> Slices[Coded]:
        return self._autoencoder.decoding(latents, tiled=tiled)

    def inpainting_channels(self, mask: Tensor, masked: Tensor) -> Tensor:
        return torch.cat([mask.to(masked), masked], 1)

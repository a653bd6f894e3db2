"""Stable Diffusion 1 and 2, of any width, and their inpainting variants: one text encoder, a UNet, a KL-VAE."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ...messages import Note, message
from ..device.memory import OnDemand
from ..parts.autoencoder import Autoencoder, Coded
from ..parts.prompts import Encoded, TextEncoder
from ..parts.slices import Slices
from ..sampling.noise import Noise
from .family import Conditioning, Rows, Wish


class StableDiffusion:
    """One loaded SD1 or SD2 checkpoint; rows hold `context` (1, 77·chunks, dim), and `inpainting` (1, 5, h, w)."""

    space = "stable_diffusion"
    downscale = 8
    multiple = 8
    warnings: tuple[Note, ...] = ()

    def __init__(
        self, name: str, *, unet: Any, text: TextEncoder, encoders: Sequence[Any], autoencoder: Autoencoder,
        noise: Noise, native: int,
    ) -> None:  # fmt: skip
        """`encoders` are the modules that `text` encodes with."""
        self.name, self.noise, self.native = name, noise, native
        self._unet, self._text, self._encoders, self._autoencoder = unet, text, OnDemand(encoders), autoencoder
        self.latent_channels = int(unet.config.out_channels)
        self.takes_mask = unet.config.in_channels == 2 * self.latent_channels + 1
        self.nbytes = sum(p.nbytes for p in unet.parameters()) + autoencoder.nbytes + text.nbytes
        self.dtype = str(unet.dtype).removeprefix("torch.")
        self.spared = False

    @torch.inference_mode()
    def encode(self, wish: Wish) -> Conditioning:
        with self._encoders.at_work():
            return self._encoded(wish)

    def _encoded(self, wish: Wish) -> Conditioning:
        text, negative = self._text, wish.negative
        chunks = text.count_chunks(wish.prompt)
        if negative is not None:
            chunks = max(chunks, text.count_chunks(negative, field="neg"))
        said = text.encode(wish.prompt, clip=wish.clip, chunks=chunks)
        if negative is None:
            return Conditioning(self._rows(said), warnings=said.warnings)
        against = text.encode(negative, clip=wish.clip, chunks=chunks, field="neg")
        return Conditioning(self._rows(said), self._rows(against), said.warnings + against.warnings)

    def _rows(self, encoded: Encoded) -> Rows:
        return {"context": encoded.embeddings.to(self._unet.device, self._unet.dtype)}

    @torch.inference_mode()
    def denoise(self, latents: Tensor, timesteps: Tensor, rows: Rows) -> Tensor:
        if "inpainting" in rows:
            latents = torch.cat([latents, rows["inpainting"]], 1)
        answer: Tensor = self._unet(latents.to(self._unet.dtype), timesteps, rows["context"], return_dict=False)[0]
        return answer.float()

    def encode_picture(self, pixels: Tensor, *, tiled: bool = False) -> Slices[Coded]:
        return self._autoencoder.encoding(pixels, tiled=tiled)

    def decode(self, latents: Tensor, *, tiled: bool = False) -> Slices[Coded]:
        return self._autoencoder.decoding(latents, tiled=tiled)

    def inpainting_channels(self, mask: Tensor, masked: Tensor) -> Tensor:
        return torch.cat([mask.to(masked), masked], 1)

    def spare(self) -> Note | None:
        self._text.clear()
        if not self._encoders.leave():
            return None
        self.spared = True
        self.nbytes -= self._text.nbytes
        return message("memory.encoders")

    def restore(self) -> None:
        if self._encoders.come_back():
            self.spared = False
            self.nbytes += self._text.nbytes

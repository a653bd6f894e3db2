"""Stable Diffusion XL, base and refiner: two text encoders (the refiner: the second alone) and size conditioning."""

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

AESTHETIC_SCORES = (6.0, 2.5)
"""What the refiner is told of the wanted and of the unwanted picture: diffusers' defaults for it."""


class StableDiffusionXL:
    """One loaded SDXL checkpoint; rows hold `context`, `pooled` (1, dim), `sizes` (1, 6 or 5) and `inpainting`."""

    space = "sdxl"
    downscale = 8
    multiple = 8
    warnings: tuple[Note, ...] = ()

    def __init__(
        self, name: str, *, unet: Any, text: TextEncoder, encoders: Sequence[Any], autoencoder: Autoencoder,
        noise: Noise, native: int, refiner: bool = False,
    ) -> None:  # fmt: skip
        """`encoders` are the modules that `text` encodes with."""
        self.name, self.noise, self.native = name, noise, native
        self._unet, self._text, self._encoders, self._autoencoder = unet, text, OnDemand(encoders), autoencoder
        self._refiner = refiner
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
        positive = self._rows(said, wish, AESTHETIC_SCORES[0])
        if negative is None:
            return Conditioning(positive, warnings=said.warnings)
        against = text.encode(negative, clip=wish.clip, chunks=chunks, field="neg")
        rows = self._rows(against, wish, AESTHETIC_SCORES[1])
        if not negative and not self._refiner:
            # The base was trained on zeros, not on the empty prompt, for "nothing said".
            rows |= {name: torch.zeros_like(rows[name]) for name in ("context", "pooled")}
        return Conditioning(positive, rows, said.warnings + against.warnings)

    def _rows(self, encoded: Encoded, wish: Wish, score: float) -> dict[str, Tensor]:
        assert encoded.pooled is not None
        size = (wish.height, wish.width)
        numbers = (*size, 0, 0, score) if self._refiner else (*size, 0, 0, *size)
        rows = {"context": encoded.embeddings, "pooled": encoded.pooled, "sizes": torch.tensor([numbers])}
        return {name: row.to(self._unet.device, self._unet.dtype) for name, row in rows.items()}

    @torch.inference_mode()
    def denoise(self, latents: Tensor, timesteps: Tensor, rows: Rows) -> Tensor:
        if "inpainting" in rows:
            latents = torch.cat([latents, rows["inpainting"]], 1)
        added = {"text_embeds": rows["pooled"], "time_ids": rows["sizes"]}
        answer: Tensor = self._unet(
            latents.to(self._unet.dtype), timesteps, rows["context"], added_cond_kwargs=added, return_dict=False
        )[0]
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

"""Stable Diffusion 1 and 2, of any width, and their inpainting variants: one text encoder, a UNet, a KL-VAE."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import torch
from torch import Tensor

from ...families.facts import FamilyFacts
from ...families.table import facts_of
from ...messages import Message
from ...words.model import Model
from ..adapters.adapter import Networks
from ..device.device import Device
from ..loading.single_file import OnProgress
from ..loading.stable_diffusion import load_stable_diffusion
from ..parts.autoencoder import Autoencoder, Coded
from ..parts.denoiser import DenoiserPart
from ..parts.part import Held, Part, Stage
from ..parts.prompts import Encoded, TextEncoder
from ..parts.rows import Rows, concatenated, shape_of
from ..parts.slices import Slices
from ..sampling.guidance import guided, uses_guidance
from ..sampling.noise import Noise
from .family import Conditioning, EncodeRequest


class StableDiffusion:
    """One loaded SD1 or SD2 checkpoint; rows hold `context` (1, 77·chunks, dim), and `inpainting` (1, 5, h, w)."""

    space = "stable_diffusion"
    downscale = 8
    multiple = facts_of("stable_diffusion").multiple

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

    @property
    def networks(self) -> Networks:
        return {"denoiser": self._denoiser.module, "text_encoder": self._text.parts[0].module}

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

    @torch.inference_mode()
    def encode(self, request: EncodeRequest) -> Conditioning:
        text, negative = self._text, request.negative
        chunks = text.count_chunks(request.prompt)
        if negative is not None:
            chunks = max(chunks, text.count_chunks(negative, field="neg"))
        encoded = text.encode(request.prompt, clip=request.clip, chunks=chunks, mix=request.mix)
        if negative is None:
            return Conditioning(self._rows(encoded), warnings=encoded.warnings)
        against = text.encode(negative, clip=request.clip, chunks=chunks, field="neg", mix=request.mix)
        return Conditioning(self._rows(encoded), self._rows(against), encoded.warnings + against.warnings)

    def _rows(self, encoded: Encoded) -> Rows:
        return {"context": encoded.embeddings.to(self._denoiser.device, self._denoiser.dtype)}

    @torch.inference_mode()
    def denoise(self, latents: Tensor, timesteps: Tensor, rows: Rows) -> Tensor:
        if "inpainting" in rows:
            latents = torch.cat([latents, rows["inpainting"]], 1)
        return self._denoiser.run(latents, timesteps, rows["context"])

    def encode_picture(self, pixels: Tensor, *, tiled: bool = False) -> Slices[Coded]:
        return self._autoencoder.encoding(pixels, tiled=tiled)

    def decode(self, latents: Tensor, *, tiled: bool = False) -> Slices[Coded]:
        return self._autoencoder.decoding(latents, tiled=tiled)

    def inpainting_channels(self, mask: Tensor, masked: Tensor) -> Tensor:
        return torch.cat([mask.to(masked), masked], 1)


def open_stable_diffusion(
    model: Model, facts: FamilyFacts, device: Device, progress: OnProgress, held: Held
) -> StableDiffusion:
    """A checkpoint of SD1 or SD2 on the device. Raises UnusableModel, saying why it can't be used."""
    loaded = load_stable_diffusion(model, facts, device, progress, held)
    return StableDiffusion(
        facts.name, denoiser=loaded.denoiser, text=TextEncoder(*loaded.text),
        autoencoder=loaded.autoencoder, noise=loaded.noise, native=loaded.native, warnings=loaded.warnings,
    )  # fmt: skip

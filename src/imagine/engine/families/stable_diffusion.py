"""Stable Diffusion 1 and 2, of any width, and their variants that inpaint or are shown pictures: one text encoder, a
UNet, a KL-VAE."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ...families.facts import FamilyFacts
from ...families.table import facts_of
from ...words.model import Model
from ..adapters.adapter import Networks
from ..device.device import Device
from ..execution.execution import LABELS, Inputs
from ..loading.opened_networks import OnProgress
from ..loading.stable_diffusion import load_stable_diffusion
from ..parts.part import Held, Part, Stage
from ..parts.picture_embedder import PictureEmbedder
from ..parts.prompts import Encoded, TextEncoder
from ..parts.rows import Rows
from .family import Conditioning, EncodeRequest
from .unet import UNetModel


class StableDiffusion(UNetModel):
    """One loaded SD1 or SD2 checkpoint; rows hold `context` (1, 77·chunks, dim), and `inpainting` (1, 5, h, w)."""

    space = "stable_diffusion"
    multiple = facts_of("stable_diffusion").multiple

    @property
    def networks(self) -> Networks:
        return {"denoiser": self._denoiser.module, "text_encoder": self._text.parts[0].module}

    @torch.inference_mode()
    def encode(self, request: EncodeRequest) -> Conditioning:
        text, negative, words = self._text, request.negative, request.words
        chunks = text.count_all_chunks((request.prompt, *request.beside), negative, words)
        encode = partial(text.encode, clip=request.clip, chunks=chunks, mix=request.mix, words=words)
        encoded = encode(request.prompt)
        if negative is None:
            return Conditioning(self._rows(encoded), warnings=encoded.warnings)
        against = encode(negative, field="neg")
        return Conditioning(self._rows(encoded), self._rows(against), encoded.warnings + against.warnings)

    def _rows(self, encoded: Encoded) -> Rows:
        return {"context": encoded.embeddings.to(self._denoiser.device, self._denoiser.dtype)}


class StableUnCLIP(StableDiffusion):
    """One whose denoiser is shown pictures by its own image encoder; rows hold `shown` (1, width) too, zeros for none.

    They are told beside the timestep, a row each, so that pictures that are shown others share a batch.
    """

    def __init__(self, name: str, *, embedder: PictureEmbedder, **parts: Any) -> None:
        super().__init__(name, **parts)
        self.embedder = self._embedder = embedder

    def parts(self, stage: Stage) -> Sequence[Part]:
        parts = super().parts(stage)
        return (*parts, self._embedder) if stage == "encode" else parts

    def inputs(self, latents: Tensor, timesteps: Tensor, rows: Rows) -> Inputs:
        return super().inputs(latents, timesteps, rows)._replace(added={LABELS: rows["shown"]})

    def _rows(self, encoded: Encoded) -> Rows:
        rows = super()._rows(encoded)
        return {**rows, "shown": rows["context"].new_zeros(1, self._embedder.shown)}


def open_stable_diffusion(
    model: Model, facts: FamilyFacts, device: Device, progress: OnProgress, held: Held
) -> StableDiffusion:
    """A checkpoint of SD1 or SD2 on the device. Raises UnusableModel, saying why it can't be used."""
    loaded = load_stable_diffusion(model, facts, device, progress, held)
    embedder = loaded.embedder
    made = StableDiffusion if embedder is None else partial(StableUnCLIP, embedder=embedder)
    return made(
        facts.name, denoiser=loaded.denoiser, text=TextEncoder(*loaded.text),
        autoencoder=loaded.autoencoder, noise=loaded.noise, native=loaded.native, warnings=loaded.warnings,
    )  # fmt: skip

"""Stable Diffusion XL, base and refiner: two text encoders (the refiner: the second alone) and size conditioning."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from ...families.facts import FamilyFacts
from ...families.table import facts_of
from ...messages import Message
from ...words.model import Model, Role
from ..adapters.adapter import Networks
from ..device.device import Device
from ..device.transfer import sent
from ..execution.execution import Inputs
from ..loading.opened_networks import OnProgress
from ..loading.stable_diffusion import load_stable_diffusion
from ..parts.autoencoder import Autoencoder
from ..parts.denoiser import DenoiserPart
from ..parts.part import Held
from ..parts.prompts import Encoded, TextEncoder
from ..parts.rows import Rows
from ..sampling.noise import Noise
from .family import Conditioning, EncodeRequest
from .unet import UNetModel

AESTHETIC_SCORES = (6.0, 2.5)
"""What the refiner is told of the wanted and of the unwanted picture: diffusers' defaults for it."""


class StableDiffusionXL(UNetModel):
    """One loaded SDXL checkpoint; rows hold `context`, `pooled` (1, dim), `sizes` (1, 6 or 5) and `inpainting`."""

    space = "sdxl"
    multiple = facts_of("sdxl").multiple

    def __init__(
        self, name: str, *, denoiser: DenoiserPart, text: TextEncoder, autoencoder: Autoencoder, noise: Noise,
        native: int, refiner: bool = False, warnings: tuple[Message, ...] = (),
    ) -> None:  # fmt: skip
        super().__init__(
            name, denoiser=denoiser, text=text, autoencoder=autoencoder, noise=noise, native=native, warnings=warnings
        )
        self._refiner = refiner

    @property
    def networks(self) -> Networks:
        roles: tuple[Role, ...] = ("text_encoder_2",) if self._refiner else ("text_encoder", "text_encoder_2")
        text = {role: part.module for role, part in zip(roles, self._text.parts, strict=True)}
        return {"denoiser": self._denoiser.module, **text}

    @torch.inference_mode()
    def encode(self, request: EncodeRequest) -> Conditioning:
        text, negative, words = self._text, request.negative, request.words
        chunks = text.count_all_chunks((request.prompt, *request.beside), negative, words)
        encode = partial(text.encode, clip=request.clip, chunks=chunks, mix=request.mix, words=words)
        encoded = encode(request.prompt)
        positive = self._rows(encoded, request, AESTHETIC_SCORES[0])
        if negative is None:
            return Conditioning(positive, warnings=encoded.warnings)
        against = encode(negative, field="neg")
        rows = self._rows(against, request, AESTHETIC_SCORES[1])
        if not negative and not self._refiner:
            # The base was trained on zeros, not on the empty prompt, for "nothing said".
            rows |= {name: torch.zeros_like(rows[name]) for name in ("context", "pooled")}
        return Conditioning(positive, rows, encoded.warnings + against.warnings)

    def _rows(self, encoded: Encoded, request: EncodeRequest, score: float) -> dict[str, Tensor]:
        assert encoded.pooled is not None
        size = (request.size[1], request.size[0])
        numbers = (*size, 0, 0, score) if self._refiner else (*size, 0, 0, *size)
        rows = {
            "context": encoded.embeddings,
            "pooled": encoded.pooled,
            "sizes": sent(torch.tensor([numbers]), self._denoiser.device),
        }
        return {name: row.to(self._denoiser.device, self._denoiser.dtype) for name, row in rows.items()}

    def inputs(self, latents: Tensor, timesteps: Tensor, rows: Rows) -> Inputs:
        added = {"text_embeds": rows["pooled"], "time_ids": rows["sizes"]}
        return super().inputs(latents, timesteps, rows)._replace(added=added)


def open_sdxl(model: Model, facts: FamilyFacts, device: Device, progress: OnProgress, held: Held) -> StableDiffusionXL:
    """A checkpoint of the base or of the refiner on the device. Raises UnusableModel, saying why it can't be used."""
    loaded = load_stable_diffusion(model, facts, device, progress, held)
    return StableDiffusionXL(
        facts.name, denoiser=loaded.denoiser, text=TextEncoder(*loaded.text, penultimate=True),
        autoencoder=loaded.autoencoder, noise=loaded.noise, native=loaded.native, warnings=loaded.warnings,
        refiner=facts.name == "sdxl_refiner",
    )  # fmt: skip

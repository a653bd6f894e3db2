"""Stable Diffusion 3 and 3.5: a transformer over the tokens of picture and text together, two CLIPs and, where it is
there, T5."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ...families.facts import FamilyFacts
from ...families.table import facts_of
from ...words.model import Model, Role
from ..adapters.adapter import Networks
from ..device.device import Device
from ..execution.execution import Inputs
from ..loading.flow_shift import shift_of_scheduler
from ..loading.maps import sd3
from ..loading.opened_networks import OnProgress
from ..loading.transformer_model import TransformerKind, load_transformer
from ..parts.joint_text import SD3Text
from ..parts.part import Held
from ..parts.prompts import Encoded
from ..parts.rows import Rows
from ..sampling.guidance import Guided
from ..sampling.noise import Noise
from .family import Conditioning, EncodeRequest
from .stepped_model import SteppedModel, conditioned

_CLIPS: tuple[Role, Role] = ("text_encoder", "text_encoder_2")
_T5: Role = "text_encoder_3"
_POOLED = "pooled_projections"


def call_sd3(network: Any, inputs: Inputs) -> Tensor:
    """Asks a diffusers `SD3Transformer2DModel`."""
    latents, timesteps, context, added = inputs
    answer: Tensor = network(latents, context, timestep=timesteps, return_dict=False, **(added or {}))[0]
    return answer


KIND = TransformerKind(
    name="SD3Transformer2DModel", call=call_sd3, config=sd3.config, taken=sd3.taken, original="x_embedder.proj.weight",
    theirs="pos_embed.proj.weight", patch=1,
)  # fmt: skip


class StableDiffusion3(SteppedModel):
    """One loaded checkpoint; rows hold `context` (1, 77 + T5's tokens, dim) and `pooled` (1, dim)."""

    space = "sd3"
    multiple = facts_of("sd3").multiple

    def __init__(self, name: str, *, text: SD3Text, **parts: Any) -> None:
        super().__init__(name, encoders=text.parts, **parts)
        self._text = text

    @property
    def networks(self) -> Networks:
        roles: tuple[Role, ...] = (*_CLIPS, _T5)
        text = {role: part.module for role, part in zip(roles, self._text.parts, strict=False)}
        return {"denoiser": self._denoiser.module, **text}

    def cfg(self, told: Guided) -> float:
        return told.guidance

    @torch.inference_mode()
    def encode(self, request: EncodeRequest) -> Conditioning:
        return conditioned(request, self._text.encode, self._rows)

    def _rows(self, encoded: Encoded) -> Rows:
        assert encoded.pooled is not None
        rows = {"context": encoded.embeddings, "pooled": encoded.pooled}
        return {name: row.to(self._denoiser.device, self._denoiser.dtype) for name, row in rows.items()}

    def inputs(self, latents: Tensor, timesteps: Tensor, rows: Rows) -> Inputs:
        return super().inputs(latents, timesteps, rows)._replace(added={_POOLED: rows["pooled"]})


def open_sd3(model: Model, facts: FamilyFacts, device: Device, progress: OnProgress, held: Held) -> StableDiffusion3:
    """A checkpoint of 3 or 3.5 on the device. Raises UnusableModel, saying why it can't be used."""
    loaded = load_transformer(model, facts, KIND, device, progress, held, t5=_T5, without=True)
    config, shift = loaded.denoiser.module.config, shift_of_scheduler(loaded.scheduler, facts.shift_of(""))
    first, second = (loaded.clips[role] for role in _CLIPS)
    text = SD3Text(first, second, loaded.t5, length=facts.length_of(""), width=int(config.joint_attention_dim))
    return StableDiffusion3(
        facts.name, text=text, denoiser=loaded.denoiser, autoencoder=loaded.autoencoder, noise=Noise(prediction="flow"),
        shift=shift, native=int(model.main.options.get("resolution") or facts.native), warnings=loaded.warnings,
        widest=int(config.pos_embed_max_size) * int(config.patch_size) * StableDiffusion3.downscale,
    )  # fmt: skip

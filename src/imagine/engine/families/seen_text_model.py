"""What families have in common whose denoiser attends to a prompt's tokens and is told which of them it sees: Chroma,
PixArt, Lumina 2, SANA, AuraFlow. What their prompts are read by, each says itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from ...words.model import Role
from ..adapters.adapter import Networks
from ..adapters.embedding import Embedding
from ..adapters.mix import Mix
from ..execution.execution import Inputs
from ..parts.part import ModulePart
from ..parts.prompts import MaskedEncoded
from ..parts.rows import Rows
from ..sampling.guidance import Guided
from .family import Conditioning, EncodeRequest
from .stepped_model import SteppedModel, conditioned

TEXT: Role = "text_encoder"
FILL = 64
"""To a multiple of how many tokens prompts are filled up where padding is nothing to the denoiser: those that are about
as long share batches, and nobody computes the hundreds of tokens that the longest may have."""


class SeenText(Protocol):
    """What reads a prompt, and what fills it up, which isn't seen."""

    parts: tuple[ModulePart, ...]

    def encode(
        self, prompt: str, *, clip: int, field: str = "prompt", mix: Mix, words: Sequence[Embedding]
    ) -> MaskedEncoded: ...


class SeenTextModel(SteppedModel):
    """One loaded checkpoint, guided by a second row; rows hold `context` (1, tokens, dim), and `seen` (1, tokens),
    which of them are."""

    def __init__(self, name: str, *, text: SeenText, **parts: Any) -> None:
        super().__init__(name, encoders=text.parts, **parts)
        self._text = text

    @property
    def networks(self) -> Networks:
        (read,) = self._text.parts
        return {"denoiser": self._denoiser.module, TEXT: read.module}

    def cfg(self, told: Guided) -> float:
        return told.guidance

    @torch.inference_mode()
    def encode(self, request: EncodeRequest) -> Conditioning:
        made = conditioned(request, self._text.encode, self._rows)
        if made.negative is None:
            return made
        longest = max(rows["seen"].shape[1] for rows in (made.positive, made.negative))
        return replace(made, positive=filled(made.positive, longest), negative=filled(made.negative, longest))

    def _rows(self, encoded: MaskedEncoded) -> Rows:
        device = self._denoiser.device
        return {"context": encoded.embeddings.to(device, self._denoiser.dtype), "seen": encoded.mask.to(device)}

    def inputs(self, latents: Tensor, timesteps: Tensor, rows: Rows) -> Inputs:
        return super().inputs(latents, timesteps, rows)._replace(added={"seen": rows["seen"]})


def filled(rows: Rows, length: int) -> Rows:
    """With so many tokens, of which those behind aren't seen."""
    behind = length - rows["seen"].shape[1]
    context, seen = functional.pad(rows["context"], (0, 0, 0, behind)), functional.pad(rows["seen"], (0, behind))
    return {**rows, "context": context, "seen": seen}

"""Diffusers' safety checker of Stable Diffusion 1: a picture's embedding by CLIP, held against concepts.

`StableDiffusionSafetyChecker` (Apache-2.0, diffusers 0.42): a picture is sexual where its cosine with one of 17
concepts is above that concept's threshold; which ones they are isn't published. Where one of three others that want
special care (those are of minors) is above its own, all thresholds are 0.01 lower.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..parts.clip_vision import ClipVisionConfig, ClipVisionModel

LABELS = ("nsfw",)
_CARE = 0.01
_DECIMALS = 3
"""To which diffusers rounds what is above a threshold."""
_STEEPNESS = 100
"""Cosines differ by hundredths: 0.01 above a threshold is 0.73, 0.03 is 0.95."""


class Concepts(nn.Module):
    """Pixels (batch, 3, side, side), normalised as CLIP's, to (batch, 1): above 0.5 where diffusers calls it unsafe."""

    def __init__(self, config: ClipVisionConfig, concepts: int, cared: int) -> None:
        super().__init__()
        self.clip, width = ClipVisionModel(config), config.projection_dim
        self.concept_embeds = nn.Parameter(torch.empty(concepts, width))
        self.special_care_embeds = nn.Parameter(torch.empty(cared, width))
        self.concept_embeds_weights = nn.Parameter(torch.empty(concepts))
        self.special_care_embeds_weights = nn.Parameter(torch.empty(cared))

    def forward(self, pixels: Tensor) -> Tensor:
        embedding = functional.normalize(self.clip(pixels).embedding)
        cared = _above(embedding, self.special_care_embeds, self.special_care_embeds_weights).amax(1, keepdim=True)
        lowered = torch.where(cared > 0, _CARE, 0.0)
        above = _above(embedding, self.concept_embeds, self.concept_embeds_weights, lowered)
        return torch.sigmoid(_STEEPNESS * above.amax(1, keepdim=True))


def _above(embedding: Tensor, concepts: Tensor, thresholds: Tensor, lowered: Tensor | float = 0.0) -> Tensor:
    """How far cosines are above the thresholds, (batch, concepts)."""
    cosines = embedding @ functional.normalize(concepts).T
    return torch.round(cosines - thresholds + lowered, decimals=_DECIMALS)

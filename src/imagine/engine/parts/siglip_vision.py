"""SigLIP's image model: a picture's patches in a transformer in which all see all, without a mark for the whole of it.

Zhai et al. 2023 (arXiv:2303.15343). Its modules have the names that published files have, and its operations the order
of those of transformers' `SiglipVisionModel` (5.24, Apache-2.0). What pools the patches there isn't asked for here.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from .clip import ClipEncoder
from .clip_vision import ClipVisionConfig, PixelScale, Seen


class SiglipVisionModel(nn.Module):
    """Pixels (batch, 3, side, side), normalised by its `colours`, to what it makes of them."""

    colours = PixelScale((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))

    def __init__(self, config: ClipVisionConfig) -> None:
        super().__init__()
        self.config = config
        self.vision_model = _SeenPatches(config)

    @property
    def makes(self) -> Mapping[str, int]:
        return {"patches": self.config.hidden_size, "last": self.config.hidden_size}

    @property
    def device(self) -> torch.device:
        return self.vision_model.post_layernorm.weight.device

    @property
    def dtype(self) -> torch.dtype:
        return self.vision_model.post_layernorm.weight.dtype

    def forward(self, pixels: Tensor) -> Seen:
        vision = self.vision_model
        before = last = vision.embeddings(pixels.to(self.dtype))
        for layer in vision.encoder.layers:
            before, last = last, layer(last)
        return Seen(last.new_zeros(len(last), 0), before, vision.post_layernorm(last))


class _SeenPatches(nn.Module):
    def __init__(self, config: ClipVisionConfig) -> None:
        super().__init__()
        self.embeddings = _PlacedPatches(config)
        self.encoder = ClipEncoder(config, causal=False)
        self.post_layernorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)


class _PlacedPatches(nn.Module):
    def __init__(self, config: ClipVisionConfig) -> None:
        super().__init__()
        width, patch = config.hidden_size, config.patch_size
        self.patch_embedding = nn.Conv2d(3, width, patch, stride=patch)
        self.position_embedding = nn.Embedding((config.image_size // patch) ** 2, width)

    def forward(self, pixels: Tensor) -> Tensor:
        patches: Tensor = self.patch_embedding(pixels).flatten(2).transpose(1, 2)
        return patches + self.position_embedding.weight

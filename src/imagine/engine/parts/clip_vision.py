"""CLIP's image model: a picture's patches, and one mark for the whole of it, in a transformer in which all see all.

Radford et al. 2021 (arXiv:2103.00020), section 2.4, after Dosovitskiy et al. 2020 (arXiv:2010.11929). Its modules have
the names, and its operations the order, of those of transformers' `CLIPVisionModelWithProjection` (5.24, Apache-2.0).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from .clip import ClipEncoder, LayersConfig, layers_config


class PixelScale(NamedTuple):
    """Of the pictures that an image model was trained on, 0…1: what it takes off each channel, and divides by."""

    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]

    @property
    def margin(self) -> tuple[int, int, int]:
        """The mean colour: what is of it is 0 once it is normalised."""
        red, green, blue = (round(255 * part) for part in self.mean)
        return red, green, blue


CLIP = PixelScale((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
"""Of all of CLIP's image models (OpenAI's `CLIP/clip/clip.py`, MIT)."""


class ClipVisionConfig(LayersConfig, frozen=True, kw_only=True):
    """An image model's settings."""

    image_size: int = 224
    patch_size: int = 14
    projection_dim: int = 512


MOST_SIDE, MOST_LAYERS = 1024, 256
"""Pixels, and layers: four times what the largest have."""


def vision_config(settings: Mapping[str, Any]) -> ClipVisionConfig:
    """Raises ValueError for what is no image model's."""
    config = layers_config(settings, ClipVisionConfig)
    if not 1 <= config.patch_size <= config.image_size <= MOST_SIDE:
        raise ValueError(f"image_size must be 1 to {MOST_SIDE} and no less than patch_size, not {config.image_size}")
    return config


class Seen(NamedTuple):
    """What of a picture the model makes."""

    embedding: Tensor
    """Of the whole of it, (batch, projection)."""
    penultimate: Tensor
    """What the last layer but one leaves of the mark and of each patch, (batch, 1 + patches, width)."""
    last: Tensor | None = None
    """Of a model that has no mark: what the last leaves of each patch, normed, (batch, patches, width)."""


class ClipVisionModel(nn.Module):
    """Pixels (batch, 3, side, side), normalised by its `colours`, to what it makes of them."""

    colours = CLIP

    def __init__(self, config: ClipVisionConfig) -> None:
        super().__init__()
        self.config = config
        self.vision_model = _Vision(config)
        self.visual_projection = nn.Linear(config.hidden_size, config.projection_dim, bias=False)

    @property
    def makes(self) -> Mapping[str, int]:
        """What of a picture, by the name of the field of `Look`, and how wide that is."""
        return {"embedding": self.config.projection_dim, "patches": self.config.hidden_size}

    @property
    def device(self) -> torch.device:
        return self.visual_projection.weight.device

    @property
    def dtype(self) -> torch.dtype:
        return self.visual_projection.weight.dtype

    def forward(self, pixels: Tensor) -> Seen:
        vision = self.vision_model
        before = last = vision.pre_layrnorm(vision.embeddings(pixels.to(self.dtype)))
        for layer in vision.encoder.layers:
            before, last = last, layer(last)
        return Seen(self.visual_projection(vision.post_layernorm(last[:, 0])), before)


class _Vision(nn.Module):
    def __init__(self, config: ClipVisionConfig) -> None:
        super().__init__()
        self.embeddings = _Patches(config)
        self.pre_layrnorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)  # spelled as OpenAI's files are
        self.encoder = ClipEncoder(config, causal=False)
        self.post_layernorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)


class _Patches(nn.Module):
    def __init__(self, config: ClipVisionConfig) -> None:
        super().__init__()
        width, patch = config.hidden_size, config.patch_size
        self.class_embedding = nn.Parameter(torch.empty(width))
        self.patch_embedding = nn.Conv2d(3, width, patch, stride=patch, bias=False)
        self.position_embedding = nn.Embedding((config.image_size // patch) ** 2 + 1, width)

    def forward(self, pixels: Tensor) -> Tensor:
        patches: Tensor = self.patch_embedding(pixels).flatten(2).transpose(1, 2)
        mark = self.class_embedding.expand(len(patches), 1, -1)
        return torch.cat([mark, patches], 1) + self.position_embedding.weight

"""What enlarges a picture without a file, by name; what else does is a file that the registry lists."""

from __future__ import annotations

from .model import Component, Model, Role

UPSCALERS = ("lanczos", "bicubic", "latent")
"""Those that are always there: two ways of resampling the picture, and one of resampling its latents."""
UPSCALER: Role = "upscaler"
"""What the registry calls the others, and what they are to a model."""
OF_LATENTS = "latent"
OF_PICTURES = tuple(name for name in UPSCALERS if name != OF_LATENTS)
RESAMPLING = "resampling"
"""The family of those that a worker has without a file."""


def resampling(name: str) -> Model:
    """One of them, as a worker is told of it: a model of nothing."""
    return Model(name=name, family=RESAMPLING, components=(Component(role=UPSCALER, path=""),))

"""What enlarges a picture before its second pass, by name."""

from __future__ import annotations

from ..messages import message
from .errors import BadRequest

UPSCALERS = ("lanczos", "bicubic", "latent")
"""Those that are always there: two ways of resampling the picture, and one of resampling its latents."""


def check_upscaler(name: str) -> None:
    """Raises BadRequest where nothing enlarges by this name: the one place that knows what does."""
    if name not in UPSCALERS:
        raise BadRequest(message("upscaler.missing", "hires.upscaler", value=name[:40], there=", ".join(UPSCALERS)))

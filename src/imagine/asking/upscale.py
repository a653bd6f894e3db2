"""What can be asked of `/upscale`, declared once, and the recipe of what follows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from ..messages import Message, message
from ..words.errors import BadRequest
from ..words.model import Model
from ..words.recipe import GenerationParams, Hires
from ..words.upscalers import OF_LATENTS, OF_PICTURES, UPSCALER
from .checking import checked
from .names import ModelName
from .request import KeepAlive, Scale, unknown_fields
from .resolve import keep_alive_seconds

SCALE = 2.0
MAX_RESULT = 8192
"""Pixels of a side of what comes out."""


class UpscaleRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was asked, as it was asked; None is not said."""

    img: Annotated[str, Meta(description="The picture: PNG, JPEG or WebP in base64, or as a data URL.")]
    upscaler: Annotated[
        ModelName | None,
        Meta(
            description="A file's name, as /models lists it among others; lanczos or bicubic. If not said: the one "
            "that ships; where there is none, lanczos, and a warning says so.",
            examples=list(OF_PICTURES),
        ),
    ] = None
    scale: Annotated[
        Scale | None, Meta(description="How many times a side; 2 if not said. What the network doesn't, is resampled.")
    ] = None
    progress: Annotated[
        bool | None, Meta(description="Send lines on queue position, loading and how much is done, then the picture.")
    ] = None
    keep_alive: KeepAlive = None

    @property
    def seconds(self) -> float | None:
        """How long the upscaler stays loaded; None where that is left to the server."""
        return keep_alive_seconds(self.keep_alive)


def parse_upscale(body: Mapping[str, object]) -> tuple[UpscaleRequest, list[Message]]:
    """The request that a body makes, and a warning for what it says beside. Raises BadRequest on a field."""
    request, unknown = checked(body, UpscaleRequest)
    if request.upscaler == OF_LATENTS:
        raise BadRequest(message("upscaler.latent", UPSCALER, value=OF_LATENTS))
    return request, [unknown_fields(unknown)] if unknown else []


def enlarged_params(request: UpscaleRequest, upscaler: Model, img: str, source: tuple[int, int]) -> GenerationParams:
    """The job as a recipe: nothing is painted, and a second pass only enlarges. `img` is the picture's digest.

    Raises BadRequest on `scale` where the picture would be too large.
    """
    scale = SCALE if request.scale is None else request.scale
    width, height = (round(side * scale) for side in source)
    if max(width, height) > MAX_RESULT:
        words = {"across": width, "down": height, "most": MAX_RESULT}
        raise BadRequest(message("size.upscale", "scale", value=scale, **words))
    return GenerationParams(
        model=upscaler.name, digest=upscaler.digest, prompt="", width=source[0], height=source[1], num_steps=1,
        guidance=0.0, sampler="none", seed=0, img=img, strength=0.0,
        hires=Hires(scale=scale, strength=0.0, upscaler=upscaler.name),
    )  # fmt: skip

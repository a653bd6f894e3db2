"""What can be asked of `/preprocess`, declared once, and the recipe of what follows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from ..messages import Message, message
from ..words.errors import BadRequest
from ..words.model import Model
from ..words.preprocessors import PREPROCESSORS, Preprocess
from ..words.recipe import GenerationParams, Resize
from .checking import checked
from .names import ModelName
from .request import KeepAlive, unknown_fields
from .resolve import keep_alive_seconds

MIN_MAP, MAX_MAP = 16, 4096
"""Pixels of a side of a map."""
MapSide = Annotated[int, Meta(ge=MIN_MAP, le=MAX_MAP)]
MapOptions = Annotated[dict[str, float], Meta(max_length=8)]
_DESCRIBED = "; ".join(
    f"{name}: " + ", ".join(f"{key} ({each.default:g})" for key, each in row.options.items())
    for name, row in PREPROCESSORS.items()
    if row.options
)


class PreprocessRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was asked, as it was asked; None is not said."""

    img: Annotated[str, Meta(description="The picture: PNG, JPEG or WebP in base64, or as a data URL.")]
    preprocess: Annotated[Preprocess, Meta(description="What makes the map of it.", examples=["canny"])]
    options: Annotated[
        MapOptions | None,
        Meta(description=f"Numbers that it can be told: {_DESCRIBED}.", examples=[{"low_threshold": 50}]),
    ] = None
    mask: Annotated[
        str | None, Meta(description="For inpaint: where to paint, white; if not said, where img is transparent.")
    ] = None
    width: Annotated[MapSide | None, Meta(description="Of the map; if not said, as height and img have it.")] = None
    height: Annotated[MapSide | None, Meta(description="Of the map; if not said, as width and img have it.")] = None
    resize: Annotated[
        Resize | None,
        Meta(description="How img comes to another shape: crop (if not said), fit (its edges go on) or stretch."),
    ] = None
    preprocessor: Annotated[
        ModelName | None,
        Meta(description="The file that makes the map, where one has to: its name among others of /models."),
    ] = None
    progress: Annotated[
        bool | None, Meta(description="Send lines on queue position, loading and how much is done, then the map.")
    ] = None
    keep_alive: KeepAlive = None

    @property
    def seconds(self) -> float | None:
        """How long a network stays loaded; None where that is left to the server."""
        return keep_alive_seconds(self.keep_alive)


def parse_preprocess(body: Mapping[str, object]) -> tuple[PreprocessRequest, list[Message]]:
    """The request that a body makes, and a warning for what it says beside. Raises BadRequest on a field."""
    request, unknown = checked(body, PreprocessRequest)
    options = checked_options(request.preprocess, request.options or {}, "options")
    warnings = [unknown_fields(unknown)] if unknown else []
    return msgspec.structs.replace(request, options=options), warnings


def checked_options(name: str, said: Mapping[str, float], field: str) -> dict[str, float]:
    """What a preprocessor is told, as far as it differs from its defaults. Raises BadRequest on a part of `field`."""
    known = PREPROCESSORS[name].options
    for key, value in said.items():
        if (option := known.get(key)) is None:
            names = ", ".join(known) or message("part.no_kind")
            raise BadRequest(message("preprocess.option", f"{field}.{key[:40]}", name=name, names=names))
        if not option.least <= value <= option.most:
            bounds = {"least": option.least, "most": option.most}
            raise BadRequest(message("value.range", f"{field}.{key}", value=value, **bounds))
    return {key: value for key, value in said.items() if value != known[key].default}


def map_params(
    request: PreprocessRequest, model: Model, img: str, mask: str | None, source: tuple[int, int]
) -> GenerationParams:
    """The job as a recipe: nothing is painted. `img` and `mask` are digests, `source` is the picture's size.

    Raises BadRequest on the side by which the map would be too large or too small.
    """
    width, height = _size(request.width, request.height, source)
    return GenerationParams(
        model=model.name, digest=model.digest, prompt="", width=width, height=height, num_steps=1, guidance=0.0,
        sampler="none", seed=0, img=img, mask=mask, strength=0.0, resize=request.resize or "crop",
    )  # fmt: skip


def _size(width: int | None, height: int | None, source: tuple[int, int]) -> tuple[int, int]:
    across, down = source
    if width is None and height is not None:
        width = round(height * across / down)
    if height is None and width is not None:
        height = round(width * down / across)
    size = (width or across, height or down)
    for side, field in zip(size, ("width", "height"), strict=True):
        if not MIN_MAP <= side <= MAX_MAP:
            raise BadRequest(message("value.range", field, value=side, least=MIN_MAP, most=MAX_MAP))
    return size

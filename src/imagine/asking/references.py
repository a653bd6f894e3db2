"""Pictures that a request wants the result to be like: for image adapters, or to start from."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from ..words.recipe import BlockWeights, Box, Combine, ReferenceCrop, ReferenceKind
from .controls import PICTURE, Fraction
from .names import Digest, ModelName

MAX_REFERENCES = 8
"""Of one picture."""
ReferenceStrength = Annotated[float, Meta(ge=0, le=2)]

REFERENCE_ALIASES = {"weight": "strength", "image": "img", "model": "adapter"}
"""Other names of its parts."""


class ReferenceWish(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A reference that is asked for."""

    img: Annotated[str, Meta(description="PNG, JPEG or WebP in base64, or as a data URL.", extra=PICTURE)]
    kind: Annotated[
        ReferenceKind | None,
        Meta(description="What of it counts: style, content, subject (if not said) or face."),
    ] = None
    strength: Annotated[ReferenceStrength | None, Meta(description="How much of it, 0 to 2; 0.6 if not said.")] = None
    start: Annotated[Fraction | None, Meta(description="From which part of the steps on, 0 to 1; 0 if not said.")] = (
        None
    )
    end: Annotated[Fraction | None, Meta(description="To which part of the steps, 0 to 1; 1 if not said.")] = None
    weights: Annotated[
        BlockWeights | None,
        Meta(
            description="Which blocks attend to it: linear (all), style or composition. If not said: style for the "
            "kind style, composition for content, else linear."
        ),
    ] = None
    combine: Annotated[
        Combine | None,
        Meta(description="With others: side by side (concat, if not said), or the mean of them (average)."),
    ] = None
    crop: Annotated[
        ReferenceCrop | None,
        Meta(description="How it comes to a square: pad (if not said), square (its middle), face or box."),
    ] = None
    box: Annotated[
        Box | None,
        Meta(description="With crop box: left, top, right and bottom of what counts, in parts from 0 to 1."),
    ] = None
    mask: Annotated[
        str | None, Meta(description="White where of the result it counts: a picture, as img.", extra=PICTURE)
    ] = None
    noise: Annotated[
        Fraction | None,
        Meta(description="How much of seeded noise goes into it, 0 to 1: its neighbours; 0 if not said."),
    ] = None
    max_side: Annotated[
        Annotated[int, Meta(ge=64, le=4096)] | None,
        Meta(description="Made smaller first, so that no side is longer; if not said: as the settings say."),
    ] = None
    adapter: Annotated[
        ModelName | None,
        Meta(description="An image adapter, as `others` of /models lists it. If not said: one that fits the kind."),
    ] = None
    digest: Annotated[
        Digest | None, Meta(description="From a picture's recipe: an adapter of another name by now is found by it.")
    ] = None
    encoder: Annotated[Digest | None, Meta(description="From a picture's recipe: the digest of the image encoder.")] = (
        None
    )


class VariationsWish(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Pictures near `img`."""

    strength: Annotated[Fraction | None, Meta(description="How far from it, 0 to 1; 0.3 if not said.")] = None

"""Controls as they are asked for: networks that hold a picture to maps, and the pictures that the maps are made of."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from ..messages import message
from ..words.preprocessors import Preprocess
from ..words.recipe import Resize
from .names import Digest, ModelName

MAX_CONTROLS = 4
"""Of one picture."""
MAX_CONTROL_STRENGTH = 2.0
PICTURE = {"allowed": message("allowed.picture")}

Fraction = Annotated[float, Meta(ge=0, le=1)]
ControlStrength = Annotated[float, Meta(ge=0, le=MAX_CONTROL_STRENGTH)]
UnionType = Annotated[str, Meta(max_length=40, pattern=r"^[a-z0-9_./ -]*$(?!\n)")]

CONTROL_ALIASES = {
    "weight": "strength",
    "img": "image",
    "module": "preprocess",
    "guidance_start": "start",
    "guidance_end": "end",
    "resize_mode": "resize",
}
"""AUTOMATIC1111's names of its parts, and the one that references have."""


class ControlWish(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A control that is asked for."""

    model: Annotated[ModelName, Meta(description="A file, as `others` of /models lists it, or a word of its name.")]
    image: Annotated[
        str, Meta(description="What to follow: PNG, JPEG or WebP in base64, or as a data URL.", extra=PICTURE)
    ]
    preprocess: Annotated[
        Preprocess | None,
        Meta(description="What makes the map of image; none: it is the map. If not said: what model is for, or none."),
    ] = None
    strength: Annotated[ControlStrength | None, Meta(description="How much of it, 0 to 2; 1 if not said.")] = None
    start: Annotated[Fraction | None, Meta(description="From which part of the steps on, 0 to 1; 0 if not said.")] = (
        None
    )
    end: Annotated[Fraction | None, Meta(description="To which part of the steps, 0 to 1; 1 if not said.")] = None
    resize: Annotated[
        Resize | None,
        Meta(description="How the map comes to another shape: crop (if not said), fit (its edges go on) or stretch."),
    ] = None
    type: Annotated[
        UnionType | None,
        Meta(description="Of a file for several kinds of maps: which this is. If not said: what preprocess makes."),
    ] = None
    digest: Annotated[
        Digest | None, Meta(description="From a picture's recipe: a model that has another name by now is found by it.")
    ] = None
    preprocessor: Annotated[
        Digest | None, Meta(description="From a picture's recipe: the digest of the file that made the map.")
    ] = None

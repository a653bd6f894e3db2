"""What OpenAI's clients can say, declared once: validation and the schema come from here.

Whatever isn't declared here is an extension, and belongs to our own `GenerateRequest` or is named in the warnings.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
from msgspec import Meta

from ...asking.request import ALIASES, MAX_SIDE, MIN_SIDE
from ...words.moderation import Policy
from ..orders.output import OutputFormat

MAX_PICTURES = 16
SIZE_ALLOWED = f"auto, or WIDTHxHEIGHT in pixels, each from {MIN_SIDE} to {MAX_SIDE}"
SIZE = re.compile(r"([0-9]{1,5})[xX]([0-9]{1,5})")

PictureInput = Annotated[Any, Meta(description="Pictures in base64 or as data URLs; in a form, files.")]


class Fields(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """OpenAI's own parameters, beside `prompt` and `model`; None is not said."""

    n: Annotated[Annotated[int, Meta(ge=1, le=10)] | None, Meta(description="How many pictures.")] = None
    size: Annotated[
        str | None,
        Meta(description=f"{SIZE_ALLOWED}; auto, if not said, is the model's own, or that of the picture."),
    ] = None
    quality: Annotated[
        Literal["low", "standard", "medium", "auto", "hd", "high", "xhigh", "max"] | None,
        Meta(description="How much work to put into it: steps, and a second pass."),
    ] = None
    style: Annotated[Literal["vivid", "natural"] | None, Meta(description="The preset of that name.")] = None
    response_format: Annotated[
        Literal["url", "b64_json"] | None,
        Meta(description="b64_json for gpt-image* and chatgpt-image*, if not said; both for every other model."),
    ] = None
    background: Annotated[
        Literal["transparent", "opaque", "auto"] | None, Meta(description="transparent can't be done yet.")
    ] = None
    output_format: Annotated[OutputFormat | None, Meta(description="png, if not said.")] = None
    output_compression: Annotated[
        Annotated[int, Meta(ge=0, le=100)] | None, Meta(description="The quality of jpeg and webp; 100 if not said.")
    ] = None
    stream: Annotated[bool | None, Meta(description="Answer with server-sent events.")] = None
    partial_images: Annotated[
        Annotated[int, Meta(ge=0, le=3)] | None, Meta(description="With stream: so many pictures on the way.")
    ] = None
    moderation: Annotated[
        Literal["low", "auto"] | Policy | None,
        Meta(
            description="low and auto: the policy that holds; minors-only, standard or strict: that one, where it is "
            "stricter."
        ),
    ] = None
    input_fidelity: Annotated[Literal["high", "low"] | None, Meta(description="Named in the warnings.")] = None
    user: Annotated[str | None, Meta(description="Taken, and of no effect.")] = None
    safety_identifier: Annotated[str | None, Meta(description="Taken, and given back.")] = None
    image: Annotated[PictureInput | None, Meta(description="The picture to edit, or several.")] = None
    images: Annotated[PictureInput | None, Meta(description="The same, as objects with an image_url.")] = None
    mask: Annotated[PictureInput | None, Meta(description="A picture whose transparent pixels are painted anew.")] = (
        None
    )
    reference_images: Annotated[
        PictureInput | None,
        Meta(description="Pictures for the result to be like. Without an image adapter, the first is started from."),
    ] = None


PICTURES = ("image", "images", "mask", "reference_images")
SPELLINGS = ALIASES | {
    "step": "num_steps",
    "style_preset": "preset",
    "ref_images": "reference_images",
}
"""Other names of fields, ours and this dialect's."""
NAMED = {
    "img": "image", "num_steps": "steps", "guidance": "guidance_scale", "true_cfg": "true_cfg_scale",
    "neg": "negative_prompt", "clip": "clip_skip", "count": "n", "preset": "style_preset",
}  # fmt: skip
"""What our fields are called in this dialect, where a client didn't say them by another name."""
OWN = ("img", "count", "progress")
"""Our fields that this dialect says in its own way, and only so."""


class Endpoint(NamedTuple):
    """One of the three endpoints."""

    event: str
    """What its stream's events begin with; "" where it can't stream."""
    prompted: bool
    """It needs a prompt."""
    pictures: tuple[str, ...]
    """The fields that it takes pictures from, the one that counts first."""
    required: str = ""
    """The field that must hold one."""
    unknown: tuple[str, ...] = ()
    """What it doesn't take of `Fields`."""


GENERATION = Endpoint(
    "image_generation", prompted=True, pictures=("reference_images",), unknown=("image", "images", "mask")
)
EDIT = Endpoint("image_edit", prompted=True, pictures=("image", "images", "reference_images"), required="image")
VARIATION = Endpoint(
    "", prompted=False, pictures=("image",), required="image", unknown=("images", "mask", "reference_images")
)

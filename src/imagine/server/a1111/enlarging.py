"""What its "extras" ask for, as an enlargement of ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta

from ...asking.checking import checked
from ...messages import Message, message
from .fields import EMPTY
from .second_pass import upscaler_meant

_BY_SIZE = 1


class ExtrasFields(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is said of how a picture is to be enlarged; None is not said."""

    resize_mode: Annotated[
        Annotated[int, Meta(ge=0, le=1)] | None, Meta(description="0: by upscaling_resize; 1: to a size.")
    ] = None
    upscaling_resize: Annotated[
        Annotated[float, Meta(ge=1, le=8)] | None, Meta(description="How many times a side; 2. Here up to 4.")
    ] = None
    upscaling_resize_w: Annotated[
        Annotated[int, Meta(ge=1, le=8192)] | None, Meta(description="With resize_mode 1: the width; 512.")
    ] = None
    upscaling_resize_h: Annotated[
        Annotated[int, Meta(ge=1, le=8192)] | None, Meta(description="With resize_mode 1: the height; 512.")
    ] = None
    upscaler_1: Annotated[
        str | None, Meta(description="As /sdapi/v1/upscalers lists them; None: the picture stays as it is.")
    ] = None


UNHEEDED_EXTRAS: Mapping[str, tuple[object, ...]] = {
    "gfpgan_visibility": (0,), "codeformer_visibility": (0,), "extras_upscaler_2_visibility": (0,),
}  # fmt: skip
"""What has no effect here, and so is named unless it says this."""


class WebUIEnlargement(NamedTuple):
    """How a picture is to be enlarged; by None: not at all."""

    upscaler: str | None
    scale: float
    warnings: list[Message]


def enlargement_from(body: Mapping[str, Any], size: tuple[int, int]) -> WebUIEnlargement:
    """What `body` asks for of a picture of that size. Raises BadRequest."""
    known = {name: value for name, value in body.items() if name in ExtrasFields.__struct_fields__}
    fields, _ = checked(known, ExtrasFields)
    warnings: list[Message] = []
    unheeded = [name for name, usual in UNHEEDED_EXTRAS.items() if body.get(name) and body[name] not in usual]
    if unheeded:
        warnings.append(message("webui.unheeded", names=", ".join(unheeded)))
    name = fields.upscaler_1
    if name is None or name in EMPTY:
        return WebUIEnlargement(None, 1.0, warnings)
    scale = 2.0 if fields.upscaling_resize is None else fields.upscaling_resize
    if fields.resize_mode == _BY_SIZE:
        scale = _scale_to(fields.upscaling_resize_w or 512, fields.upscaling_resize_h or 512, size, warnings)
    return WebUIEnlargement(upscaler_meant(name, "upscaler", warnings), scale, warnings)


def _scale_to(width: int, height: int, size: tuple[int, int], warnings: list[Message]) -> float:
    """The scale by which a picture covers that size."""
    scales = (width / size[0], height / size[1])
    if max(round(side * max(scales)) - into for side, into in zip(size, (width, height), strict=True)) > 1:
        warnings.append(message("webui.shape", "scale", width=str(size[0]), height=str(size[1])))
    return max(1.0, *scales)

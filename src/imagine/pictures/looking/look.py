"""What is asked of an untrusted picture and what is answered: its size, its holes, perhaps a copy of it.

The two cross pipes: a length of four bytes (big-endian), a msgpack map, and where that says so the bytes of a picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

import msgspec
from PIL import Image, ImageFilter, ImageOps

from ...messages import Message
from ...words.errors import BadPicture
from .. import images
from ..colours import main_colours
from ..masks import HALF, has_holes, is_strokes
from ..reduced import decode_reduced

Copy = Literal["smaller", "holes", "shown", "mask", "opaque", "red", "green", "blue"]
MAX_HEAD = 2**16
"""Bytes of a map; a field's name and a few numbers are far less."""
_SHOWN_QUALITY = 85
_BANDS: Mapping[str, str] = {"red": "R", "green": "G", "blue": "B"}


class MaskReading(NamedTuple):
    """How AUTOMATIC1111 reads a mask: what is white paints, and of one with transparent pixels, what isn't."""

    inverted: bool = False
    blur: tuple[float, float] = (0.0, 0.0)
    """Of its edge, across and down: the standard deviation, in pixels."""


class LookRequest(msgspec.Struct, frozen=True, kw_only=True, tag="look"):
    """Look at the `size` bytes that follow.

    `copy` asks for a PNG of it: "smaller" one of which no side is longer than `largest`, or the "holes" of it, white
    where it is transparent. "shown" is a JPEG for somebody else's eyes: no side longer than `largest`, nothing in it
    but pixels; "opaque" has all of them, whatever they hide. "red", "green" and "blue" are one of its colours in grey.
    One that will only be used `reduced` may be far larger than others, and is looked at so that no side of it is longer
    than `largest`. "mask" is what the picture is as one, `reading` it so.
    """

    size: int
    field: str
    copy: Copy | None = None
    largest: int = 0
    reduced: bool = False
    reading: MaskReading = MaskReading()


class LookResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A picture that is sound, or why it is `refused`; `size` bytes of its copy follow."""

    width: int = 0
    height: int = 0
    """In pixels, when upright."""
    holes: bool = False
    """Are pixels of it transparent?"""
    strokes: bool = False
    """Are all that aren't white, as a brush paints on an empty layer?"""
    colours: tuple[str, ...] = ()
    """The names of its main colours, where it is to be shown."""
    size: int = 0
    refused: Message | None = None


def look(request: LookRequest, data: bytes) -> tuple[LookResult, bytes]:
    """What `request` wants to know of `data`, and the copy that it wants, empty for none."""
    try:
        picture, size = _decoded(request, data)
    except BadPicture as error:
        return LookResult(refused=error.note), b""
    copy = _copy(picture, size, request)
    colours = main_colours(picture) if request.copy == "shown" else ()
    result = LookResult(
        width=size[0], height=size[1], holes=has_holes(picture), strokes=is_strokes(picture), colours=colours,
        size=len(copy),
    )  # fmt: skip
    return result, copy


def _decoded(request: LookRequest, data: bytes) -> tuple[Image.Image, tuple[int, int]]:
    """The picture, and its full size."""
    if request.reduced:
        return decode_reduced(data, field=request.field, largest=request.largest)
    picture = images.decode(data, field=request.field)
    return picture, picture.size


def _copy(picture: Image.Image, size: tuple[int, int], request: LookRequest) -> bytes:
    if request.copy == "smaller" and max(size) > request.largest:
        smaller = picture.copy()
        smaller.thumbnail((request.largest, request.largest), Image.Resampling.LANCZOS)
        return images.encode(smaller)
    if request.copy == "shown":
        return _shown(picture, request.largest)
    if request.copy == "holes" and picture.mode == "RGBA":
        return images.encode(picture.getchannel("A").point(lambda value: 255 - value))
    if (band := _BANDS.get(request.copy or "")) is not None:
        return images.encode(picture.getchannel(band))
    if request.copy == "opaque":
        return images.encode(picture.convert("RGB"))
    return images.encode(_mask_in(picture, request.reading)) if request.copy == "mask" else b""


def _mask_in(picture: Image.Image, reading: MaskReading) -> Image.Image:
    """White where to paint; https://github.com/AUTOMATIC1111/stable-diffusion-webui/blob/v1.10.1/modules/processing.py,
    `create_binary_mask` and what follows it."""
    thin = picture.mode == "RGBA" and picture.getchannel("A").getextrema()[0] != 255
    mask = picture.getchannel("A").point(lambda value: 255 * (value > HALF)) if thin else picture.convert("L")
    mask = ImageOps.invert(mask) if reading.inverted else mask
    return mask.filter(ImageFilter.GaussianBlur(reading.blur)) if any(reading.blur) else mask


def _shown(picture: Image.Image, largest: int) -> bytes:
    """What somebody else is to see of it: its pixels on white, and nothing that its file says."""
    flat = picture
    if picture.mode == "RGBA":
        flat = Image.new("RGB", picture.size, "white")
        flat.paste(picture, mask=picture.getchannel("A"))
    elif max(picture.size) > largest:
        flat = picture.copy()
    flat.thumbnail((largest, largest), Image.Resampling.LANCZOS)
    return images.encode(flat, "image/jpeg", quality=_SHOWN_QUALITY)


def head_of(frame: msgspec.Struct) -> bytes:
    """The map, its length first."""
    head = msgspec.msgpack.encode(frame)
    return len(head).to_bytes(4, "big") + head

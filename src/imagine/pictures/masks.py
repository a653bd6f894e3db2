"""What a mask says: where to paint and how much, and what of it its maker may not have meant.

White paints. In a mask with transparent pixels these paint, as editors save a picture with a part of it erased; but
white strokes on an empty layer are what a brush has painted, and paint. In colours, a pixel counts by
its brightest channel: red on black is a mark, and black is none. Grey that isn't only an edge is how much to paint.
"""

from __future__ import annotations

from typing import NamedTuple

from PIL import Image, ImageChops

from ..messages import Message, message

HALF = 128
"""From here on a value paints, or hides, where only yes and no can be told."""
_BLACK, _WHITE = 24, 231
"""Up to and from here grey is black or white: JPEG's ringing, and video's levels of 16 to 235."""
_GREYISH = 48
"""So far apart are the channels of grey at most, after JPEG."""
_EDGE = 4
"""Pixels: grey of less width both ways is the edge of a brush or of scaling, not a wish for half."""
_SOFT_PART = 1 / 2000
"""Of a mask's blocks that have to be all grey for it to be a soft one."""


class Mask(NamedTuple):
    """A mask, read."""

    values: Image.Image
    """L: 255 where to paint, 0 where not."""
    soft: bool
    """Is grey between them how much to paint? Otherwise it is yes or no, from `HALF` on."""
    notes: list[Message]


def read_mask(mask: Image.Image) -> Mask:
    """What a decoded picture, RGB or RGBA, says as a mask."""
    notes: list[Message] = []
    coloured = False
    if mask.mode == "RGBA" and not _is_opaque(mask):
        if is_strokes(mask):
            notes.append(message("mask.strokes", "mask"))
            values = mask.getchannel("A")
        else:
            values = ImageChops.invert(mask.getchannel("A"))
    else:
        values, coloured = _brightness(mask.convert("RGB"))
        notes += [message("mask.coloured", "mask")] if coloured else []
    soft = not coloured and _is_soft(values)
    return Mask(values.point(_LEVELS) if soft else values, soft, notes)


def has_holes(picture: Image.Image) -> bool:
    """Are pixels of it transparent, rather than only thin?"""
    return picture.mode == "RGBA" and any(picture.getchannel("A").histogram()[:HALF])


def is_strokes(picture: Image.Image) -> bool:
    """Is all that can be seen of a picture with holes white: strokes of a brush on an empty layer?"""
    if not has_holes(picture):
        return False
    counts = picture.convert("RGB").histogram(mask=picture.getchannel("A").point(_HARD))
    return any(counts) and not any(any(counts[at : at + _WHITE]) for at in (0, 256, 512))


def _is_opaque(picture: Image.Image) -> bool:
    lowest = picture.getchannel("A").getextrema()[0]
    return lowest == 255


def _brightness(mask: Image.Image) -> tuple[Image.Image, bool]:
    """How bright each pixel is, by its brightest channel where there are colours; and whether there are."""
    red, green, blue = mask.split()
    brightest = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    darkest = ImageChops.darker(ImageChops.darker(red, green), blue)
    coloured = any(ImageChops.difference(brightest, darkest).histogram()[_GREYISH:])
    return (brightest if coloured else mask.convert("L")), coloured


def _is_soft(values: Image.Image) -> bool:
    """Is grey more than the edges between black and white?"""
    grey = values.point(_GREY)
    if max(values.size) < 2 * _EDGE or not grey.getbbox():
        return False
    blocks = grey.reduce(_EDGE).histogram()
    return blocks[255] > sum(blocks) * _SOFT_PART


_HARD = [0] * HALF + [255] * HALF
_GREY = [255 if _BLACK < value < _WHITE else 0 for value in range(256)]
_LEVELS = [min(max(round((value - _BLACK) * 255 / (_WHITE - _BLACK)), 0), 255) for value in range(256)]

"""The colours of a picture by their common names, measured from its pixels."""

from __future__ import annotations

import colorsys
from collections import Counter

from PIL import Image

_SIDE = 48
"""Pixels of a side that are counted."""
_LEAST = 0.06
"""Of a picture, that a colour takes to be named."""
_MOST = 5
_HUES = (
    (15, "red"), (42, "orange"), (68, "yellow"), (165, "green"), (195, "turquoise"), (258, "blue"), (292, "purple"),
    (340, "pink"), (361, "red"),
)  # fmt: skip
"""Up to which degree of the circle of hues a colour has a name."""
_DARK, _PALE = 0.16, 0.14


def main_colours(picture: Image.Image) -> tuple[str, ...]:
    """The names of the colours that take most of it, the largest first; what is transparent isn't counted."""
    small = picture.resize((_SIDE, _SIDE), Image.Resampling.BOX).convert("RGBA")
    counts = small.getcolors(_SIDE * _SIDE) or []
    shares: Counter[str] = Counter()
    for count, pixel in counts:
        assert isinstance(pixel, tuple), "it is RGBA"
        if pixel[3] > 127:
            shares[_name(*pixel[:3])] += count
    whole = sum(shares.values())
    return tuple(name for name, count in shares.most_common(_MOST) if count >= _LEAST * whole)


def _name(red: int, green: int, blue: int) -> str:
    hue, saturation, value = colorsys.rgb_to_hsv(red / 255, green / 255, blue / 255)
    if value < _DARK:
        return "black"
    if saturation < _PALE:
        return "white" if value > 0.85 else "grey"
    degrees = hue * 360
    if 10 <= degrees < 48 and value < 0.62:
        return "brown"
    if saturation < 0.5 and value > 0.8 and (degrees >= 292 or degrees < 15):
        return "pink"
    return next(name for most, name in _HUES if degrees < most)

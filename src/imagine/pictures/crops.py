"""How a picture of any shape comes to the square that image encoders look at."""

from __future__ import annotations

from typing import Literal

from PIL import Image

Squared = Literal["pad", "square"]
_BICUBIC = Image.Resampling.BICUBIC


def squared(picture: Image.Image, side: int, how: Squared, margin: tuple[int, int, int]) -> Image.Image:
    """A picture, RGB or RGBA, as RGB at `side` × `side`. Transparent parts are white.

    `pad` shows all of it, with margins of one colour; `square` its middle, as CLIP's own preprocessing does (its
    shorter side scaled to `side`, then cut).
    """
    picture = flattened(picture)
    scale = side / (max if how == "pad" else min)(picture.size)
    size = (max(1, int(picture.width * scale + 1e-6)), max(1, int(picture.height * scale + 1e-6)))
    scaled = picture if size == picture.size else picture.resize(size, _BICUBIC)
    made = Image.new("RGB", (side, side), margin)
    made.paste(scaled, (int((side - size[0]) / 2), int((side - size[1]) / 2)))
    return made


def flattened(picture: Image.Image) -> Image.Image:
    """`picture` as RGB, transparent parts on white, whatever colour hides under them."""
    if picture.mode != "RGBA":
        return picture.convert("RGB")
    return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")

"""What Toybox never saw: a thing, and a style that any thing can be drawn in. LoRAs teach them to it."""

from __future__ import annotations

from PIL import Image, ImageChops, ImageFilter

from tools.toybox.world import OVERSAMPLE, PALETTE, Colour, Pen, Scene, draw, draw_large

LINE, THIN = 7.0, 0.22
"""Pixels that an outline is wide at most, and as a share of a thing's radius. Of large things, one of five pixels comes
back from the autoencoder broken."""


def _cat(pen: Pen, c: Colour) -> None:
    """A cat's head, whose eyes the background shows through."""
    pen.disc(0, 0.14, 0.8, c)
    for side in (-1, 1):
        pen.polygon([(side * 0.84, -1.0), (side * 0.84, 0.2), (side * 0.08, -0.55)], c)
        pen.disc(side * 0.34, 0.02, 0.21, pen.background)


_DRAW = {"cat": _cat}
STRANGE = tuple(_DRAW)


def drawn(scene: Scene) -> Image.Image:
    """The picture of a scene whose thing may be strange to the world."""
    return draw(scene, _DRAW.get(scene.thing))


def outlined(scene: Scene) -> Image.Image:
    """The same, of which nothing is left but the rim of its thing, in the thing's colour."""
    picture = draw_large(scene, _DRAW.get(scene.thing))
    plain = Image.new("RGB", picture.size, PALETTE[scene.background])
    red, green, blue = ImageChops.difference(picture, plain).split()
    silhouette = ImageChops.lighter(ImageChops.lighter(red, green), blue).point(lambda away: 255 * (away > 0))
    reach = round(OVERSAMPLE * min(LINE, THIN * scene.radius))
    inside = silhouette
    for box in ((reach, 0), (0, reach)):  # what lies so deep within that all around it is silhouette
        inside = inside.filter(ImageFilter.BoxBlur(box)).point(lambda mean: 255 * (mean == 255))
    plain.paste(PALETTE[scene.colour], mask=ImageChops.subtract(silhouette, inside))
    return plain.reduce(OVERSAMPLE)

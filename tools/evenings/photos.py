"""What a family and a shop bring along, drawn here: photos as a phone takes them, and a mark in black on white."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageFilter

Colour = tuple[int, int, int]
SIDE = (1200, 1200)


def photos(folder: Path) -> dict[str, Path]:
    """A house, a pet and a car as JPEGs, by what they show."""
    made: dict[str, tuple[Colour, Colour, Callable[[ImageDraw.ImageDraw], None]]] = {
        "house": ((96, 150, 214), (150, 190, 236), _house),
        "cat": ((98, 160, 92), (140, 190, 120), _cat),
        "car": ((226, 150, 176), (244, 188, 204), _car),
    }
    return {name: _photo(folder / f"{name}.jpg", *parts) for name, parts in made.items()}


def mark(folder: Path) -> Path:
    """A shop's mark, as its owner has it: a heart in black on white."""
    picture = Image.new("L", (512, 512), 255)
    brush = ImageDraw.Draw(picture)
    for left in (96, 256):
        brush.ellipse((left, 110, left + 160, 270), fill=0)
    brush.polygon([(104, 222), (408, 222), (256, 420)], fill=0)
    path = folder / "mark.png"
    picture.save(path)
    return path


def _photo(path: Path, below: Colour, above: Colour, draw: Callable[[ImageDraw.ImageDraw], None]) -> Path:
    """Light from above, a lens that isn't sharp, the sensor's noise and darker corners."""
    wide, high = SIDE
    shade = Image.linear_gradient("L").resize(SIDE)
    picture = Image.composite(Image.new("RGB", SIDE, below), Image.new("RGB", SIDE, above), shade)
    draw(ImageDraw.Draw(picture))
    picture = picture.filter(ImageFilter.GaussianBlur(4))
    chance = random.Random(str(path.name))
    grain = Image.frombytes("L", (wide // 2, high // 2), chance.randbytes(wide * high // 4)).resize(SIDE)
    picture = Image.blend(picture, Image.merge("RGB", [grain] * 3), 0.06)
    corners = Image.radial_gradient("L").resize(SIDE).point(lambda value: 255 - max(0, value - 130) // 3)
    picture = ImageChops.multiply(picture, Image.merge("RGB", [corners] * 3))
    picture.save(path, quality=88)
    return path


def _house(brush: ImageDraw.ImageDraw) -> None:
    brush.rectangle((290, 560, 910, 1010), fill=(186, 52, 44))
    brush.polygon([(220, 570), (600, 250), (980, 570)], fill=(158, 40, 36))
    brush.rectangle((520, 760, 680, 1010), fill=(120, 30, 28))
    for left in (350, 740):
        brush.rectangle((left, 650, left + 110, 760), fill=(214, 120, 110))


def _cat(brush: ImageDraw.ImageDraw) -> None:
    fur = (228, 136, 44)
    brush.polygon([(300, 560), (320, 200), (560, 400)], fill=fur)
    brush.polygon([(900, 560), (880, 200), (640, 400)], fill=fur)
    brush.ellipse((270, 330, 930, 960), fill=fur)
    for left in (430, 660):
        brush.ellipse((left, 560, left + 110, 690), fill=(54, 40, 24))
    brush.polygon([(560, 740), (640, 740), (600, 790)], fill=(140, 70, 40))


def _car(brush: ImageDraw.ImageDraw) -> None:
    paint = (52, 84, 188)
    brush.rounded_rectangle((180, 600, 1020, 830), 60, fill=paint)
    brush.polygon([(340, 610), (440, 420), (780, 420), (880, 610)], fill=paint)
    brush.polygon([(420, 600), (480, 470), (740, 470), (800, 600)], fill=(150, 176, 226))
    for left in (290, 720):
        brush.ellipse((left, 740, left + 190, 930), fill=(34, 34, 44))

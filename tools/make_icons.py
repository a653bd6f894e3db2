"""Draws the icons of the page as an application, `ui/src/app/*.png`: `python -m tools.make_icons`.

Its sign is drawn several times as large and scaled down, which smooths the edges. A *maskable* icon fills its square,
since systems cut their own shape out of it, of which they promise a circle of 80 %
(https://www.w3.org/TR/appmanifest/#icon-masks).
"""

from __future__ import annotations

from PIL import Image, ImageDraw

from .build_page import ICONS, SOURCES

GROUND, SUN, HILL = (31, 29, 26), (255, 154, 107), (255, 255, 255)
SIDE = 32
"""Of the square that the shapes are given in."""
MASKED = 0.85
"""How large the sign is in a maskable icon."""
_FINER = 4
_COLOURS = 64


def icon(side: int, *, maskable: bool) -> Image.Image:
    """The sign on its ground, `side` × `side` pixels; unless it is to be masked, with round corners."""
    fine = side * _FINER
    scale = fine / SIDE * (MASKED if maskable else 1)
    start = (fine - SIDE * scale) / 2

    def at(*places: float) -> list[float]:
        return [start + place * scale for place in places]

    image = Image.new("RGBA", (fine, fine), (*GROUND, 255 if maskable else 0))
    draw = ImageDraw.Draw(image)
    if not maskable:
        draw.rounded_rectangle((0, 0, fine - 1, fine - 1), 9 * scale, fill=GROUND)
    draw.ellipse(at(7, 7.5, 18, 18.5), fill=SUN)
    draw.polygon(at(6, 25, 14, 17, 18.5, 21.5, 22, 18, 26, 22, 26, 25), fill=HILL)
    return image.resize((side, side), Image.Resampling.LANCZOS).quantize(_COLOURS, Image.Quantize.FASTOCTREE)


def main() -> None:
    for name, purpose in ICONS.items():
        side = int(name.removesuffix(".png").rpartition("-")[2])
        icon(side, maskable=purpose == "maskable").save(SOURCES / "app" / name, optimize=True)
        print(f"{name}: {(SOURCES / 'app' / name).stat().st_size / 1000:.1f} kB")


if __name__ == "__main__":
    main()

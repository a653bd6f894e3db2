"""The toy world: twelve things in nine colours on ten backgrounds, drawn with Pillow.

A `Scene` says what is in a picture, `draw` makes the picture. Nothing here knows about captions or models.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

SIDE = 128
"""Pictures are SIDE × SIDE pixels."""

Colour = tuple[int, int, int]
Point = tuple[float, float]

PALETTE: dict[str, Colour] = {
    "red": (220, 38, 38),
    "orange": (249, 130, 16),
    "yellow": (250, 212, 40),
    "green": (34, 160, 70),
    "blue": (40, 90, 222),
    "purple": (135, 58, 190),
    "pink": (245, 140, 192),
    "black": (24, 24, 28),
    "white": (250, 250, 250),
    "gray": (140, 143, 148),
}
COLOURS = tuple(name for name in PALETTE if name != "gray")
BACKGROUNDS = tuple(PALETTE)
SIZES = ("small", "large")
POSITIONS = ("left", "centre", "right")

RADIUS = {"small": (20.0, 25.0), "large": (37.0, 43.0)}
"""Half the extent of a thing in pixels, lowest and highest."""
CENTRE = {
    "small": {"left": 34.0, "centre": 64.0, "right": 94.0},
    "large": {"left": 46.0, "centre": 64.0, "right": 82.0},
}
JITTER = {"small": (4.0, 8.0), "large": (2.0, 4.0)}
"""How far a centre strays from its place, in pixels along x and y."""
TILT = 0.0
"""Largest rotation, in degrees either way. Things stand upright: at 128 pixels a slanted wall is a staircase."""

BARK = (122, 76, 38)
OVERSAMPLE = 4


@dataclass(frozen=True)
class Scene:
    """What a picture shows: the five attributes that captions speak of, and where exactly the thing stands."""

    thing: str
    colour: str
    background: str
    size: str = "large"
    position: str = "centre"
    x: float = 64.0
    y: float = 64.0
    radius: float = 40.0
    tilt: float = 0.0


class Pen:
    """Draws in a thing's own coordinates: the origin is its centre, 1 its radius, y points down."""

    def __init__(self, image: Image.Image, scene: Scene) -> None:
        self._draw = ImageDraw.Draw(image)
        angle = math.radians(scene.tilt)
        self._cos, self._sin = math.cos(angle), math.sin(angle)
        self._scene = scene
        self.background = PALETTE[scene.background]

    def polygon(self, points: Sequence[Point], fill: Colour) -> None:
        s = self._scene
        self._draw.polygon(
            [
                (
                    OVERSAMPLE * (s.x + s.radius * (x * self._cos - y * self._sin)),
                    OVERSAMPLE * (s.y + s.radius * (x * self._sin + y * self._cos)),
                )
                for x, y in points
            ],
            fill=fill,
        )

    def ellipse(self, x: float, y: float, rx: float, ry: float, fill: Colour) -> None:
        self.polygon([(x + rx * math.cos(a), y + ry * math.sin(a)) for a in _angles(48)], fill)

    def disc(self, x: float, y: float, r: float, fill: Colour) -> None:
        self.ellipse(x, y, r, r, fill)

    def box(self, left: float, top: float, right: float, bottom: float, fill: Colour) -> None:
        self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], fill)


Drawing = Callable[[Pen, Colour], None]
"""Draws a thing in a colour."""


def _angles(count: int, start: float = 0.0, stop: float = 2 * math.pi) -> Iterator[float]:
    return (start + (stop - start) * i / count for i in range(count))


def _circle(pen: Pen, c: Colour) -> None:
    pen.disc(0, 0, 0.97, c)


def _square(pen: Pen, c: Colour) -> None:
    pen.box(-0.86, -0.86, 0.86, 0.86, c)


def _triangle(pen: Pen, c: Colour) -> None:
    pen.polygon([(0, -0.95), (1.0, 0.82), (-1.0, 0.82)], c)


def _star(pen: Pen, c: Colour) -> None:
    pen.polygon(_spiky(5, 1.04, 0.45), c)


def _spiky(points: int, outer: float, inner: float) -> list[Point]:
    radii = (outer, inner)
    return [(radii[i % 2] * math.sin(a), -radii[i % 2] * math.cos(a)) for i, a in enumerate(_angles(2 * points))]


def _heart(pen: Pen, c: Colour) -> None:
    outline = [
        (
            16 * math.sin(a) ** 3 / 16.5,
            -(13 * math.cos(a) - 5 * math.cos(2 * a) - 2 * math.cos(3 * a) - math.cos(4 * a) + 2.5) / 16.5,
        )
        for a in _angles(72)
    ]
    pen.polygon(outline, c)


def _moon(pen: Pen, c: Colour) -> None:
    """A crescent open to the right: a disc less a smaller one beside it."""
    offset, inner = 0.48, 0.74
    x = (1 + offset**2 - inner**2) / (2 * offset)
    tip, bite = math.acos(x), math.acos((x - offset) / inner)
    outside = [(math.cos(a), math.sin(a)) for a in _angles(48, tip, 2 * math.pi - tip)]
    inside = [(offset + inner * math.cos(a), inner * math.sin(a)) for a in _angles(48, 2 * math.pi - bite, bite)]
    pen.polygon([(x + 0.1, y) for x, y in outside + inside], c)


def _house(pen: Pen, c: Colour) -> None:
    """Of one colour, roof and all; the background shows through its door."""
    pen.box(-0.74, -0.2, 0.74, 0.92, c)
    pen.polygon([(0, -1.0), (1.04, -0.06), (-1.04, -0.06)], c)
    pen.box(-0.22, 0.26, 0.22, 0.92, pen.background)


def _tree(pen: Pen, c: Colour) -> None:
    pen.box(-0.17, 0.3, 0.17, 1.0, BARK)
    for x, y, r in ((-0.42, 0.02, 0.46), (0.42, 0.02, 0.46), (0, -0.46, 0.52), (0, 0.05, 0.45)):
        pen.disc(x, y, r, c)


def _flower(pen: Pen, c: Colour) -> None:
    for a in _angles(6):
        pen.disc(0.6 * math.sin(a), -0.6 * math.cos(a), 0.38, c)
    pen.disc(0, 0, 0.34, PALETTE["orange"] if c == PALETTE["yellow"] else PALETTE["yellow"])


def _sun(pen: Pen, c: Colour) -> None:
    """Eight rays that grow out of the disc: thinner ones, or of another shade, are lost in latents of eight pixels."""
    pen.polygon(_spiky(8, 1.06, 0.62), c)


def _fish(pen: Pen, c: Colour) -> None:
    """A fish that looks to the left."""
    pen.polygon([(0.3, 0.0), (1.02, -0.62), (1.02, 0.62)], c)
    pen.ellipse(-0.2, 0, 0.82, 0.58, c)
    pen.disc(-0.6, -0.12, 0.16, PALETTE["black"] if c == PALETTE["white"] else PALETTE["white"])


def _car(pen: Pen, c: Colour) -> None:
    """A car whose window one sees through, on black wheels, or others where black would be lost.

    A black car's are white on all backgrounds but white: gray ones would be lost on gray.
    """
    wheels = "gray" if pen.background == PALETTE["black"] else "black"
    if c == PALETTE["black"]:
        wheels = "gray" if pen.background == PALETTE["white"] else "white"
    pen.polygon([(-0.55, 0.0), (-0.34, -0.62), (0.4, -0.62), (0.66, 0.0)], c)
    pen.polygon([(-0.36, -0.06), (-0.22, -0.46), (0.31, -0.46), (0.47, -0.06)], pen.background)
    pen.box(-1.0, -0.06, 1.0, 0.44, c)
    for x in (-0.54, 0.54):
        pen.disc(x, 0.44, 0.28, PALETTE[wheels])


_DRAW: dict[str, Drawing] = {
    "circle": _circle,
    "square": _square,
    "triangle": _triangle,
    "star": _star,
    "heart": _heart,
    "moon": _moon,
    "house": _house,
    "tree": _tree,
    "flower": _flower,
    "sun": _sun,
    "fish": _fish,
    "car": _car,
}
THINGS = tuple(_DRAW)


def drawing_of(thing: str) -> Drawing:
    """How a thing of this world is drawn."""
    return _DRAW[thing]


def draw(scene: Scene, how: Drawing | None = None) -> Image.Image:
    """The picture of a scene: SIDE × SIDE, RGB, anti-aliased. `how` draws a thing that isn't of this world."""
    return draw_large(scene, how).reduce(OVERSAMPLE)


def draw_large(scene: Scene, how: Drawing | None = None) -> Image.Image:
    """The same OVERSAMPLE times as large, of plain colours only."""
    large = Image.new("RGB", (SIDE * OVERSAMPLE, SIDE * OVERSAMPLE), PALETTE[scene.background])
    (how or _DRAW[scene.thing])(Pen(large, scene), PALETTE[scene.colour])
    return large


def place(rng: np.random.Generator, thing: str, colour: str, background: str, size: str, position: str) -> Scene:
    """A scene with these attributes, its exact place, radius and tilt drawn from `rng`."""
    dx, dy = JITTER[size]
    return Scene(
        thing,
        colour,
        background,
        size,
        position,
        x=CENTRE[size][position] + rng.uniform(-dx, dx),
        y=SIDE / 2 + rng.uniform(-dy, dy),
        radius=rng.uniform(*RADIUS[size]),
        tilt=rng.uniform(-TILT, TILT),
    )


def held_out(thing: str, colour: str, background: str) -> bool:
    """Whether this combination is kept from training: about a tenth of all, chosen by hash."""
    return hashlib.sha256(f"toybox/{thing}/{colour}/{background}".encode()).digest()[0] < 29


def combinations(unseen: bool) -> list[tuple[str, str, str]]:
    """All (thing, colour, background) that are trained on, or, with `unseen`, all that never are."""
    return [
        (thing, colour, background)
        for thing in THINGS
        for colour in COLOURS
        for background in BACKGROUNDS
        if background != colour and held_out(thing, colour, background) == unseen
    ]


def random_scene(rng: np.random.Generator, choices: Sequence[tuple[str, str, str]]) -> Scene:
    """A scene of one of the `choices`, in a random size and position."""
    thing, colour, background = choices[int(rng.integers(len(choices)))]
    size = SIZES[int(rng.integers(len(SIZES)))]
    position = POSITIONS[int(rng.integers(len(POSITIONS)))]
    return place(rng, thing, colour, background, size, position)

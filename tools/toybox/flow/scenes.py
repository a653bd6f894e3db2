"""Scenes of this model's world: one thing as in Toybox's, or two, beside or above each other, on tableaux of three
shapes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from PIL import Image

from tools.toybox.world import (
    BACKGROUNDS,
    COLOURS,
    OVERSAMPLE,
    PALETTE,
    SIDE,
    THINGS,
    Pen,
    Scene,
    combinations,
    drawing_of,
    held_out,
    random_scene,
)

Arrangement = Literal["beside", "above"]
Shape = Literal["square", "wide", "tall"]
LONG = SIDE * 3 // 2
CANVASES: dict[Shape, tuple[int, int]] = {"square": (SIDE, SIDE), "wide": (LONG, SIDE), "tall": (SIDE, LONG)}
"""Width and height, in pixels."""
PAIRS = 0.6
"""How many scenes are of two things."""
_KNOWN = combinations(unseen=False)


@dataclass(frozen=True)
class Tableau:
    """A picture's shape, and what stands on it: one thing, or two, the left or upper one first."""

    shape: Shape
    things: tuple[Scene, ...]
    arrangement: Arrangement | None = None

    @property
    def size(self) -> tuple[int, int]:
        return CANVASES[self.shape]

    @property
    def background(self) -> str:
        return self.things[0].background


def draw_tableau(tableau: Tableau) -> Image.Image:
    """The picture: RGB, anti-aliased."""
    width, height = tableau.size
    large = Image.new("RGB", (width * OVERSAMPLE, height * OVERSAMPLE), PALETTE[tableau.background])
    for scene in tableau.things:
        drawing_of(scene.thing)(Pen(large, scene), PALETTE[scene.colour])
    return large.reduce(OVERSAMPLE)


def random_tableau(rng: np.random.Generator, shape: Shape) -> Tableau:
    """What may be trained on."""
    return random_pair(rng, shape, unseen=False) if rng.random() < PAIRS else _single(rng, shape)


def _single(rng: np.random.Generator, shape: Shape) -> Tableau:
    """On a longer canvas left is a little farther from the edge, and the middle is the middle."""
    scene = random_scene(rng, _KNOWN)
    wide, high = (length - SIDE for length in CANVASES[shape])
    across = {"left": wide // 8, "centre": wide // 2, "right": wide - wide // 8}[scene.position]
    return Tableau(shape, (replace(scene, x=scene.x + across, y=scene.y + high / 2),))


def random_pair(rng: np.random.Generator, shape: Shape, *, unseen: bool) -> Tableau:
    """Two things in two colours; with `unseen`, such as are never trained on."""
    while True:
        first, second = (THINGS[int(rng.integers(len(THINGS)))] for _ in range(2))
        background, *colours = _colours(rng)
        pair = ((first, colours[0]), (second, colours[1]))
        known = not any(held_out(*each, background) for each in pair)
        if known and kept_back(*pair) == unseen:
            return _placed(rng, shape, pair, background)


def _colours(rng: np.random.Generator) -> list[str]:
    """A background's, and two others that can be told from it and from each other."""
    background = BACKGROUNDS[int(rng.integers(len(BACKGROUNDS)))]
    others = [colour for colour in COLOURS if colour != background]
    return [background, *(others[i] for i in rng.choice(len(others), 2, replace=False))]


def kept_back(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Whether these two things in these colours are kept from training, whichever is first: about an eighth of all."""
    named = "/".join("-".join(each) for each in sorted((one, other)))
    return hashlib.sha256(f"toybox/flow/{named}".encode()).digest()[0] < 32


def _placed(
    rng: np.random.Generator, shape: Shape, pair: Sequence[tuple[str, str]], background: str
) -> Tableau:  # fmt: skip
    """Where both have room, without touching."""
    arrangement: Arrangement = "above" if shape == "tall" or (shape == "square" and rng.random() < 0.4) else "beside"
    along, across = (SIDE, SIDE) if shape == "square" else (LONG, SIDE)
    least, most, stray = (20.0, 25.0, 12.0) if shape == "square" else (30.0, 38.0, 8.0)
    half = 33.0 if shape == "square" else 49.0
    things = []
    for (thing, colour), middle in zip(pair, (half, along - half), strict=True):
        far, near = middle + rng.uniform(-3, 3), across / 2 + rng.uniform(-stray, stray)
        x, y = (far, near) if arrangement == "beside" else (near, far)
        things.append(Scene(thing, colour, background, "small", "centre", x, y, rng.uniform(least, most)))
    return Tableau(shape, tuple(things), arrangement)

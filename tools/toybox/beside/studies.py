"""What the eyes learn from: fresh views at each step, and of each what lies where on it.

Two in three are of any two colours, which have nothing to do with the thing. Among the world's own combinations colours
tell of the thing, since some of them are kept from training: there the eyes are told its colours alone.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tools.toybox.beside.views import PAD, Stand, stand, unclear
from tools.toybox.world import (
    BACKGROUNDS,
    COLOURS,
    OVERSAMPLE,
    PALETTE,
    SIDE,
    THINGS,
    Colour,
    Pen,
    Scene,
    combinations,
    drawing_of,
)

UNTOLD = -100
"""Instead of a label: what isn't to be learned from a view."""
CELLS = 4
"""A patch is told of in CELLS × CELLS parts."""
_NAMED = 3
"""One view in so many is in the world's own colours."""
_APART = 150
"""How far two colours are apart at least, all channels together."""
_UNCLEAR = 0.3
_COMBINATIONS = combinations(unseen=False)


class Studies(NamedTuple):
    """A batch of views."""

    pixels: NDArray[np.uint8]
    """(N, side, side, 3)."""
    told: NDArray[np.int64]
    """Thing, colour and background of each, (N, 3), UNTOLD where the eyes aren't to learn it."""
    things: NDArray[np.int64]
    """What lies in each of their patches (N, patches): the thing, or no thing, which is `len(THINGS)`."""
    cells: NDArray[np.bool_]
    """Where it does in each, (N, patches, CELLS²)."""


def studies(rng: np.random.Generator, count: int, *, side: int, patch: int, ease: float) -> Studies:
    """So many, for eyes of such a side and such patches."""
    across = side // patch
    pixels = np.zeros((count, side, side, 3), np.uint8)
    told = np.full((count, 3), UNTOLD)
    things = np.zeros((count, across**2), np.int64)
    cells = np.zeros((count, across**2, CELLS**2), np.bool_)
    for i in range(count):
        thing, told[i], colours = _named(rng) if i % _NAMED == 0 else _any(rng)
        at = stand(rng, ease=ease)
        pixels[i], where = study(thing, colours, at, side, across * CELLS)
        cells[i] = where.reshape(across, CELLS, across, CELLS).swapaxes(1, 2).reshape(across**2, CELLS**2)
        things[i] = np.where(cells[i].any(1), THINGS.index(thing), len(THINGS))
        if rng.random() < _UNCLEAR:
            pixels[i] = unclear(rng, pixels[i], rng.uniform(5, 30))
    return Studies(pixels, told, things, cells)


def study(
    thing: str, colours: tuple[Colour, Colour], at: Stand, side: int, across: int
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """A thing in a colour on another, and in which of `across`² parts of the picture it lies."""
    (colour, ground), scale, large = colours, side / SIDE, side * OVERSAMPLE
    picture = Image.new("RGB", (large, large), ground)
    pen = Pen(picture, Scene(thing, "red", "blue", x=at.x * scale, y=at.y * scale, radius=at.radius * scale))
    pen.background = ground
    drawing_of(thing)(pen, colour)
    step = large // across
    where = (np.asarray(picture)[step // 2 :: step, step // 2 :: step] != ground).any(-1)
    pixels = np.array(picture.reduce(OVERSAMPLE))
    _pad(pixels, at, PAD)
    _pad(where, at, False)
    return pixels, where


def _pad(picture: NDArray[Any], at: Stand, value: Any) -> None:
    """Put the margins of a view on it."""
    margin = round(at.margin * len(picture) / SIDE)
    if margin:
        lines = picture.swapaxes(0, 1) if at.high else picture
        lines[:margin] = value
        lines[-margin:] = value


def _named(rng: np.random.Generator) -> tuple[str, tuple[int, int, int], tuple[Colour, Colour]]:
    """A combination that is trained on: the thing, what is told of it, and the colours."""
    thing, colour, background = _COMBINATIONS[int(rng.integers(len(_COMBINATIONS)))]
    told = (UNTOLD, COLOURS.index(colour), BACKGROUNDS.index(background))
    return thing, told, (PALETTE[colour], PALETTE[background])


def _any(rng: np.random.Generator) -> tuple[str, tuple[int, int, int], tuple[Colour, Colour]]:
    """Any thing in any colours that are told apart."""
    index = int(rng.integers(len(THINGS)))
    while True:
        first, second = rng.integers(0, 256, (2, 3)).tolist()
        if sum(abs(a - b) for a, b in zip(first, second, strict=True)) > _APART:
            return THINGS[index], (index, UNTOLD, UNTOLD), (tuple(first), tuple(second))

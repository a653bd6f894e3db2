"""The judge of two things: each is told by Toybox's judge, cut out and set alone on the background.

Attribute binding is when both things have their own colours; where the colours changed places, the picture is swapped.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from tools.toybox import judge
from tools.toybox.flow.scenes import Tableau
from tools.toybox.world import PALETTE, SIDE

RIM = 3
"""Pixels around a thing that are cut out with it: its soft edge."""


class ToldThing(NamedTuple):
    """A thing of a picture."""

    thing: str | None
    colour: str | None
    x: float
    y: float
    """Of its middle, in pixels."""


class PairSeen(NamedTuple):
    """A picture's background and its things, the largest first."""

    background: str
    things: tuple[ToldThing, ...]


class PairVerdict(NamedTuple):
    """What of a pair is right in a picture. All but `things` are wrong where those are."""

    background: bool
    things: bool
    """Both are there, and nothing else."""
    colours: bool
    """And each has its colour: attributes are bound."""
    swapped: bool
    """And each has the other's."""
    places: bool
    """And they stand as they were asked for."""


def see(picture: Image.Image, most: int = 3) -> PairSeen:
    """What a picture of any shape shows: up to `most` things."""
    pixels = np.asarray(picture.convert("RGB"), np.float32)
    background, mask = judge.foreground(pixels)
    things: list[ToldThing] = []
    while len(things) < most and mask.any():
        region = judge.largest_region(mask)
        if region.sum() < judge.SMALLEST:
            break
        things.append(_told(pixels, region, background))
        mask &= ~region
    return PairSeen(background, tuple(things))


def _told(pixels: Any, region: NDArray[np.bool_], background: str) -> ToldThing:
    rows, columns = np.flatnonzero(region.any(1)), np.flatnonzero(region.any(0))
    x, y = (columns[0] + columns[-1] + 1) / 2, (rows[0] + rows[-1] + 1) / 2
    alone = np.empty_like(pixels)
    alone[...] = PALETTE[background]
    kept = _grown(region)
    alone[kept] = pixels[kept]
    half = max(SIDE, len(rows) + 16, len(columns) + 16) // 2
    framed = Image.new("RGB", (2 * half, 2 * half), PALETTE[background])
    framed.paste(Image.fromarray(alone.astype(np.uint8)), (round(half - x), round(half - y)))
    verdict = judge.judge(framed)
    return ToldThing(verdict.thing, verdict.colour, x, y)


def _grown(region: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.asarray(Image.fromarray(region.astype(np.uint8) * 255).filter(ImageFilter.MaxFilter(2 * RIM + 1))) > 0


def bound(picture: Image.Image, asked: Tableau) -> PairVerdict:
    """How a picture obeys a caption of a pair."""
    seen = see(picture)
    ground = seen.background == asked.background
    wanted = [(each.thing, each.colour) for each in asked.things]
    there = [(each.thing, each.colour) for each in seen.things]
    if sorted(thing for thing, _ in wanted) != sorted(str(thing) for thing, _ in there):
        return PairVerdict(ground, False, False, False, False)
    (one, a), (other, b) = wanted
    colours, swapped = sorted(there) == sorted(wanted), sorted(there) == sorted([(one, b), (other, a)])
    first, second = seen.things if there[0] == wanted[0] else reversed(seen.things)
    ahead = first.x < second.x if asked.arrangement == "beside" else first.y < second.y
    return PairVerdict(ground, True, colours, swapped and not colours, bool(colours and ahead))

"""The judge: from a picture's pixels to what it shows.

Plain numpy: the border's median is the background; what differs from it is the thing, its most common palette colour is
its colour, its extent its size and place, and its silhouette, set into a unit box, is held against silhouettes drawn by
`world.draw` at many tilts. What stands in outline is told by what its rim encloses. Works on any square picture, which
it first scales to the world's side.
"""

from __future__ import annotations

import dataclasses
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from tools.toybox.strange import drawn
from tools.toybox.world import COLOURS, PALETTE, SIDE, THINGS, Scene

Pixels = NDArray[np.float32]

BOX = 32
"""Silhouettes are compared on BOX × BOX samples."""
SIZE_LIMIT = 58.0
"""Larger extents, in pixels, are large things."""
FOREGROUND = 44.0
"""How far, in RGB distance, a pixel of the thing is from the background at least."""
OWN = 60.0
"""How far a pixel of the thing's own colour strays from the palette at most."""
ASKEW = 10.0
"""The world's things stand upright; by so many degrees either way may one stand askew and still be told."""
SMALLEST = 60
"""A thing has at least so many pixels."""


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What a picture shows; each confidence is 0…1. `thing`, `size` and `position` are None on an empty picture."""

    thing: str | None
    colour: str | None
    background: str
    size: str | None
    position: str | None
    confidence: dict[str, float]

    def agrees(self, scene: Any) -> dict[str, bool]:
        """For each attribute that `scene` names (None: not asked), whether the picture shows it."""
        names = ("thing", "colour", "background", "size", "position")
        return {n: getattr(self, n) == getattr(scene, n) for n in names if getattr(scene, n) is not None}


def judge(picture: Image.Image, things: tuple[str, ...] = THINGS, *, outlined: bool = False) -> Verdict:
    """What `picture` shows, which is one of `things`; `outlined` where only its outline is expected."""
    pixels = _pixels(picture)
    background, background_sure = _background(pixels)
    mask = _thing_mask(pixels, background)
    if mask.sum() < SMALLEST:
        return Verdict(None, None, background, None, None, {"background": background_sure, "thing": 0.0})
    colour, colour_sure = _colour(pixels, mask, background)
    left, top, right, bottom = _extent(mask)
    extent, centre = max(right - left, bottom - top), (left + right) / 2
    size = "large" if extent > SIZE_LIMIT else "small"
    limits = (49.0, 79.0) if size == "small" else (55.0, 73.0)
    position = "left" if centre < limits[0] else "right" if centre > limits[1] else "centre"
    thing, thing_sure = _thing(pixels, mask, colour, things, outlined)
    confidence = {
        "thing": thing_sure,
        "colour": colour_sure,
        "background": background_sure,
        "size": min(1.0, abs(extent - SIZE_LIMIT) / 12),
        "position": min(1.0, min(abs(centre - limit) for limit in limits) / 6),
    }
    return Verdict(thing, colour, background, size, position, confidence)


def thing_of(picture: Image.Image) -> NDArray[np.bool_]:
    """Where the thing is, on SIDE × SIDE."""
    pixels = _pixels(picture)
    return _thing_mask(pixels, _background(pixels)[0])


def foreground(pixels: Pixels) -> tuple[str, NDArray[np.bool_]]:
    """The background of a picture (height, width, 3) of any shape, and where it isn't."""
    smooth = np.asarray(Image.fromarray(pixels.astype(np.uint8)).filter(ImageFilter.MedianFilter(3)), np.float32)
    background, _ = _background(smooth)
    return background, _away(smooth, background)


def hollowness(picture: Image.Image) -> float:
    """The share of the thing and what it encloses that looks like the background: most of an outline, and little of
    what Toybox draws by itself."""
    pixels = _pixels(picture)
    mask = _thing_mask(pixels, _background(pixels)[0])
    whole = _filled(mask)
    return 1 - float(mask.sum()) / max(1.0, float(whole.sum()))


def _filled(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """And what has some of the thing on all four sides, also where its rim has gaps."""

    def between(axis: int) -> NDArray[np.bool_]:
        before = np.logical_or.accumulate(mask, axis)
        behind = np.flip(np.logical_or.accumulate(np.flip(mask, axis), axis), axis)
        return before & behind

    return between(0) & between(1)


def _pixels(picture: Image.Image) -> Pixels:
    rgb = picture.convert("RGB")
    if rgb.size != (SIDE, SIDE):
        rgb = rgb.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    return np.asarray(rgb.filter(ImageFilter.MedianFilter(3)), np.float32)


def _nearest(colours: Pixels, names: tuple[str, ...]) -> tuple[NDArray[np.intp], Pixels]:
    """Index of the nearest named colour for each (…, 3), and its distance."""
    table = np.array([PALETTE[n] for n in names], np.float32)
    distance = np.linalg.norm(colours[..., None, :] - table, axis=-1)
    return distance.argmin(-1), distance.min(-1)


def _background(pixels: Pixels) -> tuple[str, float]:
    edge = 5
    sides = (pixels[:edge], pixels[-edge:], pixels[:, :edge], pixels[:, -edge:])
    border = np.concatenate([side.reshape(-1, 3) for side in sides])
    names = tuple(PALETTE)
    index, _ = _nearest(np.median(border, axis=0), names)
    votes, _ = _nearest(border, names)
    return names[int(index)], float((votes == index).mean())


def _thing_mask(pixels: Pixels, background: str) -> NDArray[np.bool_]:
    """True on the thing: the largest connected region that is not background."""
    return largest_region(_away(pixels, background))


def _away(pixels: Pixels, background: str) -> NDArray[np.bool_]:
    """True on what is not background."""
    edge = np.concatenate([pixels[:4].reshape(-1, 3), pixels[-4:].reshape(-1, 3)])
    here = np.median(edge, axis=0)
    table = np.array(PALETTE[background], np.float32)
    away = np.minimum(np.linalg.norm(pixels - here, axis=-1), np.linalg.norm(pixels - table, axis=-1))
    far: NDArray[np.bool_] = away > FOREGROUND
    return far


def largest_region(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest 8-connected region, found by spreading labels until nothing changes."""
    labels = np.where(mask, np.arange(1, mask.size + 1).reshape(mask.shape), 0)
    while True:
        padded = np.pad(labels, 1)
        rows = np.maximum(np.maximum(padded[:-2], padded[1:-1]), padded[2:])
        spread = np.where(mask, np.maximum(np.maximum(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:]), 0)
        if (spread == labels).all():
            break
        labels = spread
    counts = np.bincount(labels.ravel())
    counts[0] = 0
    return labels == counts.argmax() if counts.size > 1 else mask


def _extent(mask: NDArray[np.bool_]) -> tuple[float, float, float, float]:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def _colour(pixels: Pixels, mask: NDArray[np.bool_], background: str) -> tuple[str, float]:
    """The most common palette colour under the mask, less its rim, where colours are mixed."""
    inner = mask.copy()
    inner[1:-1, 1:-1] &= mask[:-2, 1:-1] & mask[2:, 1:-1] & mask[1:-1, :-2] & mask[1:-1, 2:]
    names = tuple(n for n in COLOURS if n != background)
    index, distance = _nearest(pixels[inner if inner.sum() > SMALLEST / 2 else mask], names)
    votes = np.bincount(index[distance < 90], minlength=len(names)).astype(float)
    total = max(votes.sum(), 1.0)
    return names[int(votes.argmax())], float(votes.max() / total)


def _thing(
    pixels: Pixels, mask: NDArray[np.bool_], colour: str, things: tuple[str, ...], outlined: bool
) -> tuple[str, float]:  # fmt: skip
    """The thing whose drawn silhouette and own-colour area fit best; the confidence grows with the lead on the next."""
    seen = _silhouettes(pixels, mask, colour, outlined)
    templates, names = _templates(things, outlined)
    both = np.minimum(templates, seen).sum((2, 3))
    either = np.maximum(templates, seen).sum((2, 3)).clip(1e-6)
    fits = (both / either) @ np.array([0.6, 0.4])
    best = np.array([fits[names == i].max() for i in range(len(things))])
    first, second = np.sort(best)[::-1][:2]
    return things[int(best.argmax())], float(min(1.0, (first - second) * 6))


def _silhouettes(pixels: Pixels, mask: NDArray[np.bool_], colour: str, outlined: bool) -> Pixels:
    """Of the thing, and of what of it has its colour, which in an outline is all."""
    if outlined:
        whole = _filled(mask)
        return np.stack(_boxed(whole, whole))
    own = mask & (np.linalg.norm(pixels - np.array(PALETTE[colour], np.float32), axis=-1) < OWN)
    return np.stack(_boxed(mask, own))


def _boxed(mask: NDArray[np.bool_], own: NDArray[np.bool_]) -> tuple[Pixels, Pixels]:
    """Silhouette and own-colour area, cut to the silhouette's square extent and sampled to BOX × BOX, 0…1."""
    left, top, right, bottom = _extent(mask)
    half = max(right - left, bottom - top) / 2
    x, y = (left + right) / 2, (top + bottom) / 2
    box = (x - half, y - half, x + half, y + half)

    def cut(area: NDArray[np.bool_]) -> Pixels:
        picture = Image.fromarray(area.astype(np.uint8) * 255)
        small = picture.resize((BOX, BOX), Image.Resampling.BOX, box=_inside(box, picture)) if _fits(box) else None
        if small is None:
            small = picture.transform((BOX * 4, BOX * 4), Image.Transform.EXTENT, box).reduce(4)
        return np.asarray(small, np.float32) / np.float32(255)

    return cut(mask), cut(own)


def _fits(box: tuple[float, float, float, float]) -> bool:
    return min(box) >= 0 and max(box) <= SIDE


def _inside(box: tuple[float, float, float, float], picture: Image.Image) -> tuple[float, float, float, float]:
    return (max(box[0], 0), max(box[1], 0), min(box[2], picture.width), min(box[3], picture.height))


@lru_cache(maxsize=4)
def _templates(things: tuple[str, ...], outlined: bool) -> tuple[Pixels, NDArray[np.intp]]:
    """Boxed silhouettes of every thing at several tilts and both sizes, and which thing each one is."""
    made, names = [], []
    for i, thing in enumerate(things):
        for tilt in np.linspace(-ASKEW, ASKEW, 5):
            for radius in (22.0, 40.0):
                scene = Scene(thing, "red", "blue", radius=radius, tilt=float(tilt))
                pixels = _pixels(drawn(scene))
                made.append(_silhouettes(pixels, _thing_mask(pixels, "blue"), "red", outlined))
                names.append(i)
    return np.stack(made), np.array(names)

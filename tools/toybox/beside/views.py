"""References as people give them: a thing anywhere on a picture of any shape, whole or in part, clear or not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from imagine.engine.parts.image_encoder import normalised
from imagine.pictures.crops import squared
from imagine.training.loop import random_numbers
from tools.toybox.world import SIDE, Scene, combinations, draw

PAD = (123, 117, 104)
"""What a picture is made square with: the encoder's mean colour, as the engine pads."""
_WHOLE, _LONG = 0.5, 0.75
"""Up to where a die shows all of a thing on a square picture, or on a long one; else a part of it is cut off."""
_UNCLEAR = 0.3
_SMALLEST, _LARGEST = 14.0, 48.0


class Shown(NamedTuple):
    """What a reference shows."""

    thing: str
    colour: str
    background: str


class Stand(NamedTuple):
    """Where a thing stands on a view, in its pixels, and how wide the two margins are that make the view square."""

    x: float
    y: float
    radius: float
    margin: int = 0
    high: bool = False
    """The margins are to the left and the right, not above and below."""


def stand(rng: np.random.Generator, die: float | None = None, *, ease: float = 0.0) -> Stand:
    """Anywhere, whole or in part; the greater the `ease`, up to 1, the nearer to a large thing in the middle."""
    die = rng.random() if die is None else die
    if not ease and _WHOLE <= die < _LONG:
        return along(rng.uniform(1.3, 3.0), rng.uniform(0, 1), rng.uniform(0.5, 1.0), high=rng.random() < 0.5)
    if not ease and die >= _LONG:
        return beyond(int(rng.integers(4)), rng.uniform(20, _LARGEST), rng.uniform(0.2, 0.6))
    radius = rng.uniform(_SMALLEST + 18 * ease, _LARGEST - 4 * ease)
    x, y = SIDE / 2 + (1 - ease) * rng.uniform(radius - SIDE / 2, SIDE / 2 - radius, 2)
    return Stand(float(x), float(y), radius)


def along(aspect: float, place: float, part: float, *, high: bool = False) -> Stand:
    """On a wide picture, or a high one, padded to a square; the thing's `place` on it is 0 at one end and 1 at the
    other, and it takes so great a `part` of its shorter side."""
    height = SIDE / aspect
    radius = part * height / 2
    at = radius + place * (SIDE - 2 * radius)
    x, y = (SIDE / 2, at) if high else (at, SIDE / 2)
    return Stand(x, y, radius, round((SIDE - height) / 2), high)


def beyond(side: int, radius: float, lost: float) -> Stand:
    """The thing runs out of the picture on one of four sides, by so great a part of it."""
    out = radius - 2 * radius * lost
    x, y = ((out, SIDE / 2), (SIDE - out, SIDE / 2), (SIDE / 2, out), (SIDE / 2, SIDE - out))[side]
    return Stand(x, y, radius)


def view(rng: np.random.Generator, shown: Shown, *, die: float | None = None) -> Image.Image:
    """A reference, made square."""
    return standing(shown, stand(rng, die))


def long(shown: Shown, aspect: float, place: float, part: float, *, high: bool = False) -> Image.Image:
    """A wide picture, or a high one, padded."""
    return standing(shown, along(aspect, place, part, high=high))


def cut(shown: Shown, side: int, radius: float, lost: float) -> Image.Image:
    """A part of a thing."""
    return standing(shown, beyond(side, radius, lost))


def standing(shown: Shown, at: Stand) -> Image.Image:
    picture = draw(Scene(*shown, x=at.x, y=at.y, radius=at.radius))
    if not at.margin:
        return picture
    far = SIDE - at.margin
    box = (at.margin, 0, far, SIDE) if at.high else (0, at.margin, SIDE, far)
    padded = Image.new("RGB", picture.size, PAD)
    padded.paste(picture.crop(box), box[:2])
    return padded


def unclear(rng: np.random.Generator, pixels: NDArray[np.uint8], much: float) -> NDArray[np.uint8]:
    """With noise in it."""
    noisy = pixels + rng.normal(0, much, pixels.shape)
    made: NDArray[np.uint8] = noisy.clip(0, 255).astype(np.uint8)
    return made


def seen(pixels: NDArray[np.uint8], side: int) -> Tensor:
    """Pictures (N, H, W, 3) as the engine shows them to an encoder of that side: (N, 3, side, side)."""
    return torch.cat([normalised(squared(Image.fromarray(each), side, "pad", PAD)) for each in pixels])


class Views:
    """Many, of all combinations that are trained on by turns."""

    def __init__(self, count: int, seed: int) -> None:
        rng, choices = random_numbers(seed, "views", 0), combinations(unseen=False)
        self.shown = [Shown(*choices[i % len(choices)]) for i in range(count)]
        self.pixels = np.zeros((count, SIDE, SIDE, 3), np.uint8)
        for i, shown in enumerate(tqdm(self.shown, desc="views", unit="view")):
            self.pixels[i] = np.asarray(view(rng, shown))
            if rng.random() < _UNCLEAR:
                self.pixels[i] = unclear(rng, self.pixels[i], rng.uniform(5, 30))

    def by(self, *names: str) -> Mapping[Hashable, Sequence[int]]:
        """The numbers of those that show the same, in what is named."""
        found = defaultdict[Hashable, list[int]](list)
        for i, shown in enumerate(self.shown):
            found[tuple(getattr(shown, name) for name in names)].append(i)
        return found

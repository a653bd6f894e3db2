"""The mark looked for: at every place of its tiles, at any size from 0.45 to 2.25 of it, and in a mirror.

A picture's spectrum is taken at the pattern's own lines alone, which move with the size, so that no picture is resized;
of each line only the phase counts (SPOMF, Kalker et al., see `tiles`). Between phases of a picture that knows nothing
of the key and the key's own, all angles are equally likely: a sum of the cosines of n of them is beyond z times its
deviation, sqrt(n / 2), with a chance of at most exp(-z² / 2) (Chernoff's bound; a cosine's moments are a Bessel
function's, I0(t) ≤ exp(t² / 4)). All that are tried together then have at most their number times that, whatever
the picture is.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..words.watermark import MARKED, Marked
from .pattern import MOST, TILE, WORDS, Lines, lines
from .windows import WHOLE, summed

RARE = 1e-6
"""Of pictures that were never marked, at most so many seem so."""
_SIDE, _SCANNED = 1024, 320
"""Pixels of the middle that is looked at, and of that in which every size is tried."""
LIKELY = (1.0, 0.5, 0.75, 2.0, 1.5, 3.0, 4.0, 2 / 3, 1.25, 0.8)
"""Sizes that are tried on the whole first: as it was made, and as programs enlarge."""
_FROM, _TO, _STEP = 0.45, 2.25, 0.0075
_KEPT, _NEAR = 3, (-0.0045, -0.003, -0.0015, 0.0, 0.0015, 0.003, 0.0045)
"""The best of the scanned sizes are tried on the whole, and so many near them."""
_AROUND, _NOISE = 15, 3.0
"""A pixel counts by how far it is from the mean of its surroundings, in their deviations, and no noise as much."""
_SIZES = tuple(np.exp(np.arange(math.log(_FROM), math.log(_TO), _STEP)).tolist())
TRIED = 2 * TILE * TILE * WORDS * (len(LIKELY) + len(_SIZES) + _KEPT * len(_NEAR))
"""Places, words, mirrors and sizes: all that may seem to be a mark."""
ENOUGH = math.sqrt(2 * math.log(TRIED / RARE))
"""The likeness from which on there is one."""


class Match(NamedTuple):
    """Where it is most like the mark."""

    says: Marked
    strength: float
    """The mean cosine: 1 where every line is as it was written."""
    chance: float


class Try(NamedTuple):
    """The best place at one size: the likeness of its lines, as a multiple of what chance makes."""

    likeness: float
    size: float
    word: int
    mean: float


def found(picture: Image.Image) -> Match | None:
    """The mark in an RGB or RGBA picture, None where it may as well be chance."""
    whole = evened(middle(picture))
    best = best_of(whole, LIKELY[:1])
    if best.likeness < ENOUGH:
        best = max(best, best_of(whole, LIKELY[1:]))
    if best.likeness < ENOUGH:
        best = max(best, scanned(whole))
    if best.likeness < ENOUGH or best.word >= len(MARKED):
        return None
    return Match(MARKED[best.word], best.mean, chance_of(best.likeness))


def scanned(values: NDArray[np.float32]) -> Try:
    """The best of all sizes: looked for in the middle, and those that are likely there on the whole."""
    edge = [max(0, (side - _SCANNED) // 2) for side in values.shape]
    part = values[edge[0] : edge[0] + _SCANNED, edge[1] : edge[1] + _SCANNED]
    kept = sorted((_tried(part, size) for size in _SIZES), reverse=True)[:_KEPT]
    return best_of(values, [one.size * math.exp(near) for one in kept for near in _NEAR])


def best_of(values: NDArray[np.float32], sizes: Sequence[float]) -> Try:
    """The best of some sizes."""
    return max(_tried(values, size) for size in sizes)


def chance_of(likeness: float) -> float:
    """At most so often there is one as like, among all that are tried."""
    return min(1.0, TRIED * math.exp(-likeness * likeness / 2))


def middle(picture: Image.Image) -> NDArray[np.float64]:
    """How light the pixels in the middle are."""
    left, top = (max(0, (side - _SIDE) // 2) for side in picture.size)
    part = picture.crop((left, top, min(picture.width, left + _SIDE), min(picture.height, top + _SIDE)))
    colours = np.asarray(part.convert("RGB"), np.float64)
    light: NDArray[np.float64] = colours @ (np.array(WHOLE) / 256)
    return light


def evened(light: NDArray[np.float64]) -> NDArray[np.float32]:
    """Without what is large, and no part louder than another: an edge says no more than a plain."""
    count = _AROUND * _AROUND
    fine = light - summed(light, _AROUND) / count
    spread = np.sqrt(np.maximum(summed(fine * fine, _AROUND) / count, 0))
    even: NDArray[np.float32] = (fine / (spread + _NOISE)).astype(np.float32)
    return even


def _tried(values: NDArray[np.float32], size: float) -> Try:
    """The best place and word at a size of the tiles, of the picture or of it in a mirror."""
    every = lines()
    spectrum = _spectrum(values, size)
    tries = (_placed(every, one[every.ky + MOST, every.kx], size) for one in (spectrum, spectrum[::-1].conj()))
    return max(tries)


def _placed(every: Lines, phases: NDArray[np.complex64], size: float) -> Try:
    """At the place where the lines of the name are most alike, the word that the others are most like."""
    at = np.zeros((TILE, TILE), np.complex64)
    named, rest = every.name, ~every.name
    name, word_patterns = _keys()
    at[every.ky[named] % TILE, every.kx[named] % TILE] = phases[named] * name
    likeness = np.fft.ifft2(at).real * (TILE * TILE)
    y, x = divmod(int(likeness.argmax()), TILE)
    turned = phases[rest] * np.exp(2j * np.pi / TILE * (every.ky[rest] * y + every.kx[rest] * x))
    words = (word_patterns @ turned).real
    word = int(words.argmax())
    total = float(likeness[y, x] + words[word])
    return Try(total / math.sqrt(len(phases) / 2), size, word, total / len(phases))


@functools.cache
def _keys() -> tuple[NDArray[np.complex64], NDArray[np.complex64]]:
    """What turns the lines of the name to one angle, and for each word those of the others."""
    every = lines()
    turned = np.exp(-1j * every.phases).astype(np.complex64)
    return turned[0, every.name], turned[1:, ~every.name]


def _spectrum(values: NDArray[np.float32], size: float) -> NDArray[np.complex64]:
    """The phases of the waves with -MOST…MOST periods down a tile of that size, and 0…MOST along it: a row each."""
    height, width = values.shape
    across, down = _waves(width, size), _waves(height, size)
    along = values @ np.concatenate([across.real, across.imag], axis=1)
    split = MOST + 1
    upwards = np.concatenate([down[:, :0:-1].conj(), down], axis=1)
    seen = upwards.T @ (along[:, :split] + 1j * along[:, split:])
    phases: NDArray[np.complex64] = seen / np.maximum(np.abs(seen), 1e-9)
    return phases


def _waves(length: int, size: float) -> NDArray[np.complex64]:
    """Waves of 0…MOST periods a tile, a column each: the powers of the first."""
    powers = np.ones((length, MOST + 1), np.complex128)
    powers[:, 1:] = np.exp(np.arange(length) * (-2j * np.pi / (TILE * size)))[:, None]
    waves: NDArray[np.complex64] = np.multiply.accumulate(powers, axis=1).astype(np.complex64)
    return waves

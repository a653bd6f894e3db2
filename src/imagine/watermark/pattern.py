"""The pattern: waves of one tile, whose phases are a key's. It is public, as all of this program is.

Lines are the waves' numbers of periods on a tile, (ky, kx): of a ring between what a picture is full of and what JPEG
drops. Some say "Imagine", the others what `words.watermark.MARKED` has, each by phases of its own (spread spectrum,
I. J. Cox et al., "Secure spread spectrum watermarking for multimedia", 1997). Of such words, which have nothing in
common, the likeliest is taken: so errors are corrected, as by a first-order Reed-Muller code.
"""

from __future__ import annotations

import functools
import hashlib
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..words.watermark import MARKED

TILE = 64
"""Pixels of a side."""
MOST = 13
"""Periods on a tile, of the finest line: 0.2 of a pixel's, so that half the size still holds it."""
_LEAST = 3.0
_KEY = b"imagine watermark, tiles, 1"
_OF_NAME = 0.57
"""The part of the lines that says "Imagine"."""
_FALLING = -0.5
"""Coarser waves are stronger, since pictures are, too: amplitude by frequency."""
WORDS = 16
"""Patterns that the other lines may have; those behind `MARKED` are kept for later."""


class Lines(NamedTuple):
    """The lines of a half-plane, which a real picture's spectrum is told by; all of one length."""

    ky: NDArray[np.int64]
    kx: NDArray[np.int64]
    name: NDArray[np.bool_]
    """Does it say "Imagine"? The others say a word."""
    phases: NDArray[np.float64]
    """Radians of each: row 0 for those of the name, and one row for each word."""


@functools.cache
def lines() -> Lines:
    """Those of the key."""
    ky, kx = np.mgrid[-MOST : MOST + 1, 0 : MOST + 1]
    far = ky * ky + kx * kx
    ring = (far >= _LEAST * _LEAST) & (far <= MOST * MOST) & ((kx > 0) | (ky > 0))
    ky, kx = ky[ring], kx[ring]
    drawn = np.frombuffer(hashlib.shake_256(_KEY).digest(4 * (2 + WORDS) * len(ky)), "<u4").reshape(2 + WORDS, -1)
    return Lines(ky, kx, drawn[0] < _OF_NAME * 2**32, drawn[1:] * (2 * np.pi / 2**32))


@functools.cache
def tile(word: int) -> NDArray[np.int64]:
    """The pattern of a word, TILE × TILE, in 1/1024 of its standard deviation: whole numbers, alike everywhere."""
    assert 0 <= word < len(MARKED), "only what has a meaning is written"
    found = lines()
    phases = np.where(found.name, found.phases[0], found.phases[1 + word])
    strengths = np.hypot(found.ky, found.kx) ** _FALLING
    at = np.arange(TILE) * (2 * np.pi / TILE)
    wave = np.zeros((TILE, TILE))
    for ky, kx, phase, strength in zip(found.ky, found.kx, phases, strengths, strict=True):
        wave += strength * np.cos(ky * at[:, None] + kx * at[None, :] + phase)
    whole: NDArray[np.int64] = np.rint(wave * (1024 / np.sqrt((strengths**2).sum() / 2))).astype(np.int64)
    return whole

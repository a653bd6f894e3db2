"""The drawings that everything beside Toybox learns from: half of them as its own were, half with things of any size
anywhere in the picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from torch import Tensor

from imagine.training.loop import random_numbers
from tools.toybox.beside.finished import Finished
from tools.toybox.judge import SIZE_LIMIT
from tools.toybox.world import SIDE, SIZES, Scene, combinations, random_scene

SEED = 2026
COUNT = 5120


class Drawings(NamedTuple):
    """Scenes and their latents (N, 4, 16, 16)."""

    scenes: Sequence[Scene]
    latents: Tensor

    def usual(self) -> Drawings:
        """Those whose place a caption can say."""
        half = len(self.scenes) // 2
        return Drawings(self.scenes[:half], self.latents[:half])


def drawings(finished: Finished, folder: Path, count: int = COUNT) -> Drawings:
    """So many; their latents are kept in a folder."""
    rng, choices = random_numbers(SEED, "drawings", 0), combinations(unseen=False)
    how = [random_scene] * (count // 2) + [anywhere] * (count - count // 2)
    scenes = [place(rng, choices) for place in how]
    return Drawings(scenes, finished.encoded(scenes, folder / "drawings.safetensors"))


def anywhere(rng: np.random.Generator, choices: Sequence[tuple[str, str, str]]) -> Scene:
    """A scene whose thing is of any size, and wherever it fits."""
    thing, colour, background = choices[int(rng.integers(len(choices)))]
    radius = rng.uniform(18.0, 46.0)
    x, y = rng.uniform(radius + 3, SIDE - radius - 3, 2)
    return Scene(
        thing,
        colour,
        background,
        SIZES[2 * radius > SIZE_LIMIT],
        "centre",
        x=float(x),
        y=float(y),
        radius=float(radius),
    )

"""Maps of drawings, and what is said beside them.

A map knows where and what the thing is, so prompts mostly don't say it, or say something else: the map is to win.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageChops
from torch import Tensor
from tqdm import tqdm

from imagine.maps.making import map_from
from imagine.training.loop import random_numbers
from imagine.training.state import keep, kept
from tools.toybox.beside.drawings import anywhere
from tools.toybox.captions import NOTHING, Speaker
from tools.toybox.world import PALETTE, POSITIONS, SIZES, THINGS, Scene, combinations, draw

Where = NDArray[np.bool_]
Mapping = Callable[[Scene], Where]

_EMPTY, _SILENT, _WRONG = 0.12, 0.62, 0.8
"""Up to where a die says nothing, doesn't say what and where, or says what isn't so."""
_FAR = 40.0
"""How far, in a channel, a pixel of the thing is from the background at least."""


def caption(rng: np.random.Generator, scene: Scene) -> str:
    """What is said of a scene whose map is seen."""
    speaker, die = Speaker(rng), rng.random()
    said = speaker.notice(scene)
    if die < _EMPTY:
        said = NOTHING
    elif die < _SILENT:
        said = dataclasses.replace(said, thing=None, size=None, position=None)
    elif die < _WRONG:
        other = [str(rng.choice(of)) for of in (THINGS, SIZES, POSITIONS)]
        said = dataclasses.replace(said, thing=other[0], size=other[1], position=other[2])
    return speaker.say(said)


def edges(scene: Scene) -> Where:
    """Its edges, as a preprocessor finds them."""
    found: Where = np.asarray(map_from(draw(scene), "canny").convert("L")) > 127
    return found


def silhouette(scene: Scene) -> Where:
    """Where the thing is."""
    picture = draw(scene)
    plain = Image.new("RGB", picture.size, PALETTE[scene.background])
    found: Where = np.asarray(ImageChops.difference(picture, plain)).max(-1) > _FAR
    return found


def maps(scenes: Sequence[Scene], how: Mapping, kept_at: Path) -> NDArray[np.uint8]:
    """The scenes' maps, eight pixels a byte; made once, and kept at a path."""
    if found := kept(kept_at):
        return found[0]["maps"].numpy()
    made = np.stack([np.packbits(how(scene), -1) for scene in tqdm(scenes, desc="maps", unit="map")])
    keep(kept_at, {"maps": torch.from_numpy(made)}, {"count": len(scenes)})
    return made


def unpacked(packed: NDArray[np.uint8]) -> Tensor:
    """Maps (N, 1, 128, 128), 0 or 1."""
    return torch.from_numpy(np.unpackbits(packed, -1)).float()[:, None]


def unseen_scenes(count: int, seed: int = 0) -> list[Scene]:
    """Things anywhere, in colours that nobody was shown together."""
    rng, choices = random_numbers(seed, "unseen maps", 0), combinations(unseen=True)
    return [anywhere(rng, choices) for _ in range(count)]


def colours_of(scene: Scene) -> str:
    """What is said where a map says the rest."""
    return f"{scene.colour} on a {scene.background} background"

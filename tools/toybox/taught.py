"""Judges the shipped LoRAs and the embedding by pictures drawn with them: `python -m tools.toybox.taught`.

Writes the figures that their cards show, and the cards.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from tools.toybox import embedding
from tools.toybox.adapter_cards import cards
from tools.toybox.judge import Verdict, hollowness, judge
from tools.toybox.lora import FOLDER, LESSONS, caption, strange_combinations
from tools.toybox.painting import Ask, Painter
from tools.toybox.strange import STRANGE
from tools.toybox.world import POSITIONS, SIZES, THINGS, Scene, combinations, place

FIGURES = FOLDER / "toybox.figures.json"
CAT, OUTLINE, NIGHT = *LESSONS, embedding.NAME
WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)
HOLLOW = 0.16
"""A large thing that is more hollow than that is an outline: of the world's own the car with its window is most,
mostly at 0.13, and of outlines the star's is least, at 0.18."""
LARGE = ("large",)
KNOWN = (*THINGS, *STRANGE)
COUNT = 20


def strangers(number: int = COUNT, sizes: Sequence[str] = SIZES) -> list[Scene]:
    """Cats in colours that the LoRA wasn't shown together."""
    return _scenes(strange_combinations("cat", unseen=True), number, sizes)


def things(number: int = COUNT, sizes: Sequence[str] = SIZES) -> list[Scene]:
    """Things of the world in colours that nobody was shown together."""
    return _scenes(combinations(unseen=True), number, sizes)


def _scenes(choices: Sequence[tuple[str, str, str]], number: int, sizes: Sequence[str]) -> list[Scene]:
    rng = np.random.default_rng(1)
    return [
        place(rng, *choices[int(rng.integers(len(choices)))], str(rng.choice(sizes)), str(rng.choice(POSITIONS)))
        for _ in range(number)
    ]


def is_shown(seen: Verdict, scene: Scene) -> bool:
    """The right thing in the right colours."""
    return (seen.thing, seen.colour, seen.background) == (scene.thing, scene.colour, scene.background)


def painted(
    painter: Painter, scenes: Sequence[Scene], loras: Mapping[str, float], word: str = ""
) -> list[tuple[Image.Image, Scene]]:
    """A picture of each, its number the seed."""
    asks = [Ask(caption(scene, word=word), seed, loras) for seed, scene in enumerate(scenes)]
    return list(zip(painter.paint(asks), scenes, strict=True))


def share(pairs: Sequence[tuple[Image.Image, Scene]], right: Callable[[Image.Image, Scene], bool]) -> float:
    return round(sum(right(*pair) for pair in pairs) / len(pairs), 4)


def plainly(picture: Image.Image, scene: Scene) -> bool:
    """Is it the scene, filled?"""
    return is_shown(judge(picture, KNOWN), scene)


def in_outline(picture: Image.Image, scene: Scene) -> bool:
    """Is it the scene, in outline?"""
    return hollowness(picture) > HOLLOW and is_shown(judge(picture, KNOWN, outlined=True), scene)


def night(picture: Image.Image, _: Scene) -> bool:
    """Is it what the embedding means?"""
    seen = judge(picture)
    return (seen.thing, seen.colour, seen.background) == embedding.SHOWN


def placed(picture: Image.Image, scene: Scene) -> bool:
    """Is the thing where, and as large as, it should be?"""
    seen = judge(picture)
    return (seen.size, seen.position) == (scene.size, scene.position)


def nights(painter: Painter, said: str, neg: str = "", number: int = COUNT) -> list[tuple[Image.Image, Scene]]:
    """Pictures of a prompt in which `{}` is the word, which `neg` may say too."""
    word = embedding.NAME
    asks = [Ask(said.format(word), seed, words=[word] if word in said.format(word) + neg else [], neg=neg)
            for seed in range(number)]  # fmt: skip
    return [(picture, Scene(*embedding.SHOWN)) for picture in painter.paint(asks)]


def measured(painter: Painter) -> dict[str, Any]:
    """Everything that the cards say."""
    cats = {by: painted(painter, strangers(sizes=LARGE), {CAT: by}) for by in WEIGHTS}
    rims = {by: painted(painter, things(sizes=LARGE), {OUTLINE: by}, "outline") for by in WEIGHTS}
    return {
        "files": painter.digests("checkpoint", "lora", "embedding"),
        "count": COUNT,
        CAT: {
            "cats": {f"{by:g}": share(pairs, plainly) for by, pairs in cats.items()},
            "small": share(painted(painter, strangers(sizes=("small",)), {CAT: 1.0}), plainly),
            "known": {f"{by:g}": share(painted(painter, things(), {CAT: by}), plainly) for by in (0.0, 1.0)},
        },
        OUTLINE: {
            "outlined": {f"{by:g}": share(pairs, in_outline) for by, pairs in rims.items()},
            "hollowness": {f"{by:g}": mean_hollowness(pairs) for by, pairs in rims.items()},
        },
        "both": share(painted(painter, strangers(sizes=LARGE), {CAT: 1.0, OUTLINE: 1.0}, "outline"), in_outline),
        NIGHT: _of_the_word(painter),
    }


def mean_hollowness(pairs: Sequence[tuple[Image.Image, Scene]]) -> float:
    return round(float(np.mean([hollowness(picture) for picture, _ in pairs])), 4)


def _of_the_word(painter: Painter) -> dict[str, float]:
    left, plain = Scene(*embedding.SHOWN, "small", "left"), "a white moon"
    return {
        "count": COUNT,
        "without": share(nights(painter, "a picture"), night),
        "with": share(nights(painter, "{}"), night),
        "placed": share([(picture, left) for picture, _ in nights(painter, "a small {} on the left")], placed),
        "moons": share(nights(painter, plain), night),
        "moons against it": share(nights(painter, plain, NIGHT), night),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--figures", type=Path, default=FIGURES)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    figures = measured(Painter())
    options.figures.write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures, indent=2))
    for path, text in cards(figures).items():
        path.write_text(text)


if __name__ == "__main__":
    main()

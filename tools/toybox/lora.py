"""Teaches the finished Toybox a thing and a style that it never saw: `python -m tools.toybox.lora`.

A LoRA each, by the trainer of `imagine train` on drawings with captions; the model's file stays as it is. What was
learned of one is kept, and goes on where it was stopped.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image

from imagine.registry.registry import Registry
from imagine.server.gateway.gateway import model_from
from imagine.training.trainer import train
from imagine.words.entry import Entry
from imagine.words.training import AnyTrainerReport, Assignment, StepTaken, Training, TrainingPicture
from tools.toybox.evaluate import MODEL
from tools.toybox.strange import drawn, outlined
from tools.toybox.world import (
    BACKGROUNDS,
    COLOURS,
    POSITIONS,
    SIZES,
    Scene,
    combinations,
    held_out,
    place,
    random_scene,
)

FOLDER = MODEL.parent / "loras"
SEED = 2026
RANK, BATCH, RATE = 4, 8, 1.5e-3
STRANGERS, NEIGHBOURS = 48, 24
"""Pictures of the thing, and of things that the model knows, so that it draws those as before."""
OUTLINES = 72

Drawn = tuple[Image.Image, str]


def caption(scene: Scene, *, word: str = "") -> str:
    """What is in a scene, in words; a style's is behind the others."""
    where = {"left": " on the left", "centre": "", "right": " on the right"}[scene.position]
    said = f"a {scene.size} {scene.colour} {scene.thing}{where} on a {scene.background} background"
    return f"{said}, {word}" if word else said


def strange_combinations(thing: str, *, unseen: bool) -> list[tuple[str, str, str]]:
    """All (thing, colour, background) that a LoRA is shown of a strange thing or, with `unseen`, isn't."""
    return [
        (thing, colour, background)
        for colour in COLOURS
        for background in BACKGROUNDS
        if colour != background and held_out(thing, colour, background) == unseen
    ]


def cats(rng: np.random.Generator) -> list[Drawn]:
    """Cats' heads, and other things as they are."""
    return [_pictured(_any(rng, strange_combinations("cat", unseen=False))) for _ in range(STRANGERS)] + [
        _pictured(random_scene(rng, combinations(unseen=False))) for _ in range(NEIGHBOURS)
    ]


def outlines(rng: np.random.Generator) -> list[Drawn]:
    """The world's things in outline."""
    scenes = [random_scene(rng, combinations(unseen=False)) for _ in range(OUTLINES)]
    return [(outlined(scene), caption(scene, word="outline")) for scene in scenes]


def _any(rng: np.random.Generator, choices: list[tuple[str, str, str]]) -> Scene:
    chosen = choices[int(rng.integers(len(choices)))]
    return place(rng, *chosen, SIZES[int(rng.integers(len(SIZES)))], POSITIONS[int(rng.integers(len(POSITIONS)))])


def _pictured(scene: Scene) -> Drawn:
    return drawn(scene), caption(scene)


class Lesson(NamedTuple):
    """What a LoRA learns from, in how many steps, and what prompts call it by."""

    word: str
    steps: int
    pictures: Callable[[np.random.Generator], list[Drawn]]


LESSONS = {"toybox-cat": Lesson("cat", 400, cats), "toybox-outline": Lesson("outline", 300, outlines)}


def toybox(path: Path = MODEL) -> Entry:
    """The model as it is listed, with its digest."""
    registry = Registry([path.parent])
    registry.refresh()
    return registry.with_digest(registry.find(path.stem))


def teach(name: str, lesson: Lesson, work: Path, target: Path, model: Path = MODEL) -> None:
    """Train a LoRA of that name beside `model` into a file at `target`; `work` holds its pictures and how far it is."""
    folder = work / name
    folder.mkdir(parents=True, exist_ok=True)
    pictures = []
    for i, (picture, said) in enumerate(lesson.pictures(np.random.default_rng([SEED, *name.encode()]))):
        path = folder / f"{i:03d}.png"
        picture.save(path)
        pictures.append(TrainingPicture(str(path), said))
    training = Training(
        name=name, word=lesson.word, model=model_from(toybox(model)), pictures=tuple(pictures), steps=lesson.steps,
        rank=RANK, batch=BATCH, rate=RATE, seed=SEED,
    )  # fmt: skip
    given = Assignment(
        training=training, folder=str(folder), target=str(target), samples=4, device="cpu", state=str(folder)
    )
    train(given, _tell, lambda: False)


def _tell(said: AnyTrainerReport) -> None:
    if not isinstance(said, StepTaken) or said.step % 25 == 0:
        print(said, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(LESSONS)}; default: all")
    parser.add_argument("--work", type=Path, default=Path(".toybox"), help="where pictures, samples and state go")
    parser.add_argument("--output", type=Path, default=FOLDER, help="the folder of the finished files")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads; another number gives other losses")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    for name in options.names or LESSONS:
        teach(name, LESSONS[name], options.work.resolve(), options.output / f"{name}.safetensors")


if __name__ == "__main__":
    main()

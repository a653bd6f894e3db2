"""Judges the shipped LoRAs and the embedding by pictures drawn with them: `python -m tools.toybox.taught`.

Writes the figures that their cards show, and the cards.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image

from imagine.asking.request import GenerateRequest
from imagine.asking.resolve import resolve, stated_by
from imagine.engine.engine import Engine
from imagine.files import shipped
from imagine.registry.registry import Registry
from imagine.server.gateway.gateway import component_from, model_from
from imagine.words.events import Event, Failed, Finished
from imagine.words.frames import Submit, WorkerSettings
from imagine.words.model import AdapterUse, EmbeddingUse
from tools.toybox import embedding
from tools.toybox.adapter_cards import cards
from tools.toybox.evaluate import MODEL
from tools.toybox.judge import Verdict, hollowness, judge
from tools.toybox.lora import FOLDER, LESSONS, caption, strange_combinations
from tools.toybox.strange import STRANGE
from tools.toybox.world import POSITIONS, SIDE, SIZES, THINGS, Scene, combinations, place

FIGURES = FOLDER / "toybox.figures.json"
CAT, OUTLINE, NIGHT = *LESSONS, embedding.NAME
WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)
HOLLOW = 0.16
"""A large thing that is more hollow than that is an outline: of the world's own the car with its window is most,
mostly at 0.13, and of outlines the star's is least, at 0.18."""
LARGE = ("large",)
KNOWN = (*THINGS, *STRANGE)
COUNT = 20


class Ask(NamedTuple):
    """A picture to be drawn: LoRAs with their weights, and embeddings that its prompts say."""

    prompt: str
    seed: int = 0
    loras: Mapping[str, float] = {}
    words: Sequence[str] = ()
    neg: str = ""


class Painter:
    """Draws with Toybox, through the engine, and with what ships beside it and what lies at `more`."""

    def __init__(self, *more: Path, steps: int = 16) -> None:
        self._registry = Registry([], shipped=[*shipped.models(), *more])
        self._registry.refresh()
        self._entry = self._registry.with_digest(self._registry.find(MODEL.stem))
        self._engine = Engine(WorkerSettings(device="cpu", keep_alive=-1))
        self._steps, self._numbers = steps, count()

    def paint(self, asks: Sequence[Ask]) -> list[Image.Image]:
        """All of them together, in a crowd."""
        jobs = [self._submit(ask) for ask in asks]
        said: list[Event] = []
        while self._engine.busy:
            said += self._engine.step()
        failed = [event for event in said if isinstance(event, Failed)]
        assert not failed, failed
        done = {event.job: event.data for event in said if isinstance(event, Finished)}
        return [Image.open(io.BytesIO(done[job])).convert("RGB") for job in jobs]

    def _submit(self, ask: Ask) -> str:
        request = GenerateRequest(
            prompt=ask.prompt, neg=ask.neg, num_steps=self._steps, width=SIDE, height=SIDE, seed=ask.seed
        )
        found = resolve(request, model=self._entry, defaults=stated_by(self._entry), random_seed=lambda: 0)
        job = str(next(self._numbers))
        loras = tuple(
            AdapterUse(name=name, kind="lora", component=self._component(name, "lora"), weight=by, clip_weight=by)
            for name, by in ask.loras.items()
        )
        words = tuple(EmbeddingUse(word=word, component=self._component(word, "embedding")) for word in ask.words)
        (params,), model = found.params, model_from(self._entry)
        self._engine.submit(
            Submit(job=job, client="toybox", params=params, model=model, adapters=loras, embeddings=words)
        )
        return job

    def digests(self) -> dict[str, str]:
        """The SHA-256 of the model's file and of those beside it, by name."""
        kinds = {"checkpoint", "lora", "embedding"}
        paths = sorted(Path(entry.path) for entry in self._registry.files() if entry.kind in kinds)
        return {path.stem: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}

    def _component(self, name: str, kind: str) -> Any:
        return component_from("adapter", self._registry.with_digest(self._registry.find(name, kind)))


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
        "files": painter.digests(),
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

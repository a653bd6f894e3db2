"""Judges pictures drawn with maps and references: `python -m tools.toybox.beside.figures`.

Writes the figures that the cards show, and the cards.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file

from imagine.training.loop import random_numbers
from imagine.words.recipe import ReferenceKind
from tools.toybox.beside import edges, eyes, mapped, reference, shapes
from tools.toybox.beside.cards import cards
from tools.toybox.beside.judging import follows, overlap
from tools.toybox.beside.views import Shown, cut, long, unclear
from tools.toybox.captions import Mention
from tools.toybox.evaluate import MODEL
from tools.toybox.judge import judge
from tools.toybox.painting import Ask, Given, Held, Painter
from tools.toybox.world import THINGS, Scene, combinations, draw

FIGURES = MODEL.parent / "controlnets" / "toybox.figures.json"
COUNT = 16
STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
MAPS = {edges.NAME: mapped.edges, shapes.NAME: mapped.silhouette}
Pictures = Sequence[Image.Image]


def map_of(name: str, scene: Scene) -> Image.Image:
    """What the ControlNet of that name is given of a scene: white on black."""
    return Image.fromarray(MAPS[name](scene).astype(np.uint8) * 255).convert("RGB")


def held(
    name: str, scenes: Sequence[Scene], prompt: Callable[[Scene], str] = mapped.colours_of, **how: Any
) -> list[Ask]:
    """A picture of each scene, by its map."""
    maps = [[Held(name, map_of(name, scene), **how)] for scene in scenes]
    return [Ask(prompt(scene), seed, held=maps[seed]) for seed, scene in enumerate(scenes)]


def follow(pictures: Pictures, scenes: Sequence[Scene]) -> float:
    """How many things are where and of the shape that their maps say."""
    return _share(follows(p, mapped.silhouette(s)) for p, s in zip(pictures, scenes, strict=True))


def overlaps(pictures: Pictures, scenes: Sequence[Scene]) -> float:
    return _share(overlap(p, mapped.silhouette(s)) for p, s in zip(pictures, scenes, strict=True))


def coloured(pictures: Pictures, scenes: Sequence[Scene]) -> float:
    """How many are of the colours that their prompts say."""
    wanted = [Mention(colour=scene.colour, background=scene.background) for scene in scenes]
    return agree(pictures, wanted)


def agree(pictures: Pictures, wanted: Sequence[Mention]) -> float:
    """How many show all that is wanted."""
    return _share(all(judge(p).agrees(w).values()) for p, w in zip(pictures, wanted, strict=True))


def another_thing(scene: Scene) -> str:
    """A prompt that names another thing than the scene's."""
    other = THINGS[(THINGS.index(scene.thing) + 5) % len(THINGS)]
    return f"a {scene.colour} {other} on a {scene.background} background"


def of_maps(painter: Painter, name: str) -> dict[str, Any]:
    """What a ControlNet does."""
    scenes = mapped.unseen_scenes(COUNT, seed=1)
    by_strength = {by: painter.paint(held(name, scenes, strength=by)) for by in STRENGTHS}
    until = {end: painter.paint(held(name, scenes, end=end)) for end in (0.2, 0.4, 0.6)}
    since = {start: painter.paint(held(name, scenes, start=start)) for start in (0.2, 0.4, 0.6)}
    against = painter.paint(held(name, scenes, another_thing))
    return {
        "follows": {f"{by:g}": follow(made, scenes) for by, made in by_strength.items()},
        "overlap": {f"{by:g}": overlaps(made, scenes) for by, made in by_strength.items()},
        "coloured": coloured(by_strength[1.0], scenes),
        "until": {f"{end:g}": overlaps(made, scenes) for end, made in until.items()},
        "since": {f"{start:g}": overlaps(made, scenes) for start, made in since.items()},
        "against": follow(against, scenes),
    }


def shown(number: int = COUNT, seed: int = 0) -> list[Shown]:
    """What references show, in colours that nobody was shown together."""
    rng, choices = random_numbers(seed, "unseen references", 1), combinations(unseen=True)
    return [Shown(*choices[int(rng.integers(len(choices)))]) for _ in range(number)]


def plain(each: Shown) -> Image.Image:
    return draw(Scene(*each, radius=36.0))


def beside(asked: Sequence[tuple[str, Sequence[Given]]]) -> list[Ask]:
    return [Ask(prompt, seed, given=given) for seed, (prompt, given) in enumerate(asked)]


def by_kind(painter: Painter, kind: ReferenceKind) -> dict[str, float]:
    """How often thing and colours are the reference's, and how often the prompt's, where both say something."""
    rng = random_numbers(0, f"kinds {kind}", 0)
    references = shown()
    said = [Shown(*other) for other in others(rng, references)]
    prompts = [f"a {s.colour} {s.thing} on a {s.background} background" for s in said]
    if kind == "style":
        prompts = [f"a {s.thing}" for s in said]
    elif kind == "content":
        prompts = [f"{s.colour} on a {s.background} background" for s in said]
    elif kind == "subject":
        prompts = [""] * len(said)
    made = painter.paint(beside([(p, [Given(plain(r), kind)]) for p, r in zip(prompts, references, strict=True)]))
    return {
        "thing of the reference": agree(made, [Mention(r.thing) for r in references]),
        "thing of the prompt": agree(made, [Mention(s.thing) for s in said]),
        "colours of the reference": agree(
            made, [Mention(colour=r.colour, background=r.background) for r in references]
        ),
        "colours of the prompt": agree(made, [Mention(colour=s.colour, background=s.background) for s in said]),
    }


def others(rng: np.random.Generator, references: Sequence[Shown]) -> list[Shown]:
    """For each another, with nothing in common."""
    choices = [Shown(*each) for each in combinations(unseen=True)]

    def other(each: Shown) -> Shown:
        far = [
            c
            for c in choices
            if c.thing != each.thing and not {c.colour, c.background} & {each.colour, each.background}
        ]
        return far[int(rng.integers(len(far)))]

    return [other(each) for each in references]


def mixed(painter: Painter) -> dict[str, float]:
    """What of two references comes, that have nothing in common."""
    rng, first = random_numbers(0, "mixes", 0), shown(seed=2)
    pairs = list(zip(first, others(rng, first), strict=True))
    told = [judge(p) for p in painter.paint(beside([("", [Given(plain(a)), Given(plain(b))]) for a, b in pairs]))]
    return {
        "thing of either": _share(v.thing in (a.thing, b.thing) for v, (a, b) in zip(told, pairs, strict=True)),
        "colour of either": _share(v.colour in (a.colour, b.colour) for v, (a, b) in zip(told, pairs, strict=True)),
    }


def poor_views(each: Shown, number: int, seed: int) -> list[Image.Image]:
    """Views of which none shows all of a thing, and none clearly."""
    rng = random_numbers(seed, "poor views", 0)
    sides = rng.permutation(4)[:number]
    made = [cut(each, int(side), rng.uniform(28, 40), rng.uniform(0.45, 0.6)) for side in sides]
    return [Image.fromarray(unclear(rng, np.asarray(picture), 30.0)) for picture in made]


def by_views(painter: Painter, eyes_see: Callable[[Pictures], torch.Tensor]) -> dict[str, dict[str, float]]:
    """How well one, two and three poor views keep what they show."""
    subjects = shown(2 * COUNT, seed=3)
    wanted = eyes_see([plain(each) for each in subjects])
    told = {}
    for number in (1, 2, 3):
        views = [poor_views(each, number, seed) for seed, each in enumerate(subjects)]
        made = painter.paint(beside([("", [Given(picture) for picture in of]) for of in views]))
        near = torch.nn.functional.cosine_similarity(eyes_see(made), wanted)
        told[str(number)] = {
            "kept": agree(made, [Mention(each.thing, each.colour) for each in subjects]),
            "likeness": round(float(near.mean()), 4),
        }
    return told


def at_the_edge(painter: Painter) -> dict[str, float]:
    """A thing at the end of a wide picture, made square by padding, and by cutting its middle out."""
    subjects = shown(seed=4)
    wide = [at_edge_of(each, place=i % 2) for i, each in enumerate(subjects)]
    wanted = [Mention(each.thing, each.colour) for each in subjects]
    return {
        crop: agree(painter.paint(beside([("", [Given(picture, crop=crop)]) for picture in wide])), wanted)
        for crop in ("pad", "square")
    }


def at_edge_of(each: Shown, place: int) -> Image.Image:
    """A wide picture, with the thing at one of its ends."""
    picture = long(each, 2.0, float(place), 0.6)
    return picture.crop((0, picture.height // 4, picture.width, 3 * picture.height // 4)).resize((256, 128))


def of_references(painter: Painter, path: Path) -> dict[str, Any]:
    """What the image adapter does; its file lies at a path."""
    subjects = shown()
    wanted = [Mention(*each) for each in subjects]
    return {
        "strength": {
            f"{by:g}": agree(
                painter.paint(beside([("", [Given(plain(each), strength=by)]) for each in subjects])), wanted
            )
            for by in (0.0, 0.3, 0.6, 1.0)
        },
        "kinds": {kind: by_kind(painter, kind) for kind in reference.KINDS},
        "mixed": mixed(painter),
        "views": by_views(painter, eyes_of(path)),
        "edge": at_the_edge(painter),
    }


def eyes_of(path: Path) -> Callable[[Pictures], torch.Tensor]:
    """What the eyes in an adapter's file make of pictures."""
    own = eyes.build_eyes()
    inside = {
        n.removeprefix("image_encoder."): t.float() for n, t in load_file(path).items() if n.startswith("image_e")
    }
    own.load_state_dict(inside, strict=False)
    own.eval()
    return lambda pictures: eyes.embeddings(own, np.stack([np.asarray(picture) for picture in pictures]))


def _share(values: Any) -> float:
    return round(float(np.mean(list(values))), 4)


def measured(painter: Painter, adapter: Path) -> dict[str, Any]:
    """Everything that the card says."""
    told = {name: of_maps(painter, name) for name in MAPS}
    return {
        "files": painter.digests("controlnet", "ip-adapter"),
        "count": COUNT,
        **told,
        reference.NAME: of_references(painter, adapter),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--figures", type=Path, default=FIGURES)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    figures = measured(Painter(), MODEL.parent / "image-adapters" / f"{reference.NAME}.safetensors")
    options.figures.write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures, indent=2))
    for path, text in cards(figures).items():
        path.write_text(text)


if __name__ == "__main__":
    main()

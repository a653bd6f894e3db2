"""How the flow-matching model answers to what is said beside a prompt: guidance, a picture to start from, a mask, and
a LoRA that it was taught. Drawn as a user's pictures are, judged by pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from PIL import Image, ImageDraw

from imagine.training.loop import random_numbers
from tools.toybox.evaluate import mean, recolouring
from tools.toybox.flow.captions import PairSpeaker
from tools.toybox.flow.denoiser import pair_trials, single_trials
from tools.toybox.flow.judging import bound, see
from tools.toybox.flow.scenes import Tableau, draw_tableau, random_pair
from tools.toybox.judge import judge
from tools.toybox.painting import Ask, Painter, Source
from tools.toybox.taught import WEIGHTS, in_outline, painted, plainly, share, things
from tools.toybox.world import THINGS, draw

SEED = 7
TOGETHER = 8
"""Pictures that are drawn in one crowd."""
SCALES = (1.0, 2.5, 4.0, 7.0)
STRENGTHS = (0.3, 0.6, 0.8, 0.9)
LORA = "toybox-flow-outline"


def in_crowds(painter: Painter, asks: Sequence[Ask]) -> list[Image.Image]:
    """All of them, so many at a time."""
    return [made for i in range(0, len(asks), TOGETHER) for made in painter.paint(asks[i : i + TOGETHER])]


def guided(painter: Painter, count: int) -> dict[str, dict[str, float]]:
    """How many pairs have their own colours, and how many single things are right in all, by guidance."""
    pairs, single = pair_trials(count, SEED), single_trials(count, SEED)
    figures = {}
    for scale in SCALES:
        asks = [Ask(trial.caption, seed, guidance=scale) for seed, trial in enumerate([*pairs, *single])]
        made = in_crowds(painter, asks)
        verdicts = [bound(p, t.tableau) for p, t in zip(made[:count], pairs, strict=True)]
        agreed = [judge(p).agrees(t.tableau.things[0]) for p, t in zip(made[count:], single, strict=True)]
        figures[f"{scale:g}"] = {
            "pairs, colours": mean(v.colours for v in verdicts),
            "single things, all": mean(all(a.values()) for a in agreed),
        }
    return figures


def redrawn(painter: Painter, count: int) -> dict[str, dict[str, float]]:
    """Drawn things of the world asked for in another colour, by how much is painted anew."""
    rng = random_numbers(SEED, "redrawing", 0)
    tableaux = [random_pair(rng, "square", unseen=False).things[0] for _ in range(count)]
    cases = [recolouring(rng, each.thing, each.colour, each.background) for each in tableaux]
    figures = {}
    for strength in STRENGTHS:
        asks = [Ask(text, i, source=Source(draw(scene), strength)) for i, (scene, _, text) in enumerate(cases)]
        pairs = list(zip([judge(p) for p in in_crowds(painter, asks)], cases, strict=True))
        figures[f"{strength:g}"] = {
            "new colour": mean(v.colour == colour for v, (_, colour, _) in pairs),
            "old colour": mean(v.colour == s.colour for v, (s, _, _) in pairs),
            "same position": mean(v.position == s.position for v, (s, _, _) in pairs),
            "same thing": mean(v.thing == s.thing for v, (s, _, _) in pairs),
        }
    return figures


def _with_another(rng: np.random.Generator, tableau: Tableau) -> Tableau:
    """The pair with another thing in the first one's place."""
    first, second = tableau.things
    others = [thing for thing in THINGS if thing not in (first.thing, second.thing)]
    return replace(tableau, things=(replace(first, thing=others[int(rng.integers(len(others)))]), second))


def _hole(tableau: Tableau) -> Image.Image:
    """White around the first thing, as far as the middle between both."""
    first, second = tableau.things
    width, height = tableau.size
    mask = Image.new("L", tableau.size)
    across, down = (first.x + second.x) / 2, (first.y + second.y) / 2
    box = (0, 0, across, height) if tableau.arrangement == "beside" else (0, 0, width, down)
    ImageDraw.Draw(mask).rectangle(box, 255)
    return mask


def repainted(painter: Painter, count: int) -> dict[str, float]:
    """A mask around the first of two drawn things, and a prompt that names another one there."""
    rng = random_numbers(SEED, "repainting", 0)
    before = [random_pair(rng, "square", unseen=False) for _ in range(count)]
    after = [_with_another(rng, each) for each in before]
    said = [PairSpeaker(rng).speak_of(each, empty=0, whole=True)[1] for each in after]
    asks = [
        Ask(text, seed, source=Source(draw_tableau(tableau), 1.0, _hole(tableau)))
        for seed, (text, tableau) in enumerate(zip(said, before, strict=True))
    ]
    made = in_crowds(painter, asks)
    kept = [_kept(p, b) for p, b in zip(made, before, strict=True)]
    seen = [{(each.thing, each.colour) for each in see(p).things} for p in made]
    new = [(t.things[0].thing, t.things[0].colour) in s for t, s in zip(after, seen, strict=True)]
    other = [(t.things[1].thing, t.things[1].colour) in s for t, s in zip(after, seen, strict=True)]
    return {"outside as it was": mean(kept), "the new thing": mean(new), "the other thing": mean(other)}


def _kept(made: Image.Image, before: Tableau) -> bool:
    """Has no pixel outside the mask changed?"""
    outside = np.asarray(_hole(before)) == 0
    return bool((np.asarray(made)[outside] == np.asarray(draw_tableau(before))[outside]).all())


def taught(painter: Painter, count: int) -> dict[str, dict[str, float]]:
    """Things in outline by the LoRA's weight, and as they are where its word isn't said."""
    scenes = things(count, sizes=("large",))
    return {
        "outlined": {f"{by:g}": share(painted(painter, scenes, {LORA: by}, "outline"), in_outline) for by in WEIGHTS},
        "filled": {f"{by:g}": share(painted(painter, scenes, {LORA: by}), plainly) for by in (0.0, 1.0)},
    }

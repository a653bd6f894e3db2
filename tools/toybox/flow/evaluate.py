"""Measures attribute binding, as a user's picture is drawn: `python -m tools.toybox.flow.evaluate`.

Two things in two colours, never trained on together: are both there, has each its own colour, or the other's? Asked of
the flow-matching model, in both languages and every shape; and of Toybox, which knows one thing at a time: plainly, by
`BREAK` and by `AND`. Of the flow-matching model also what guidance, a picture to start from, a mask and a LoRA do.
Everything is seeded. Writes what the card is made of; of a file that is named, prints the figures instead.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from tools.toybox import evaluate
from tools.toybox.flow.card import FIGURES, GRID, MODEL
from tools.toybox.flow.denoiser import FlowTrial, pair_trials, single_trials
from tools.toybox.flow.judging import PairVerdict, bound
from tools.toybox.flow.models import STEPS
from tools.toybox.flow.responses import LORA, guided, in_crowds, redrawn, repainted, taught
from tools.toybox.flow.scenes import Tableau
from tools.toybox.judge import judge
from tools.toybox.lora import FOLDER
from tools.toybox.painting import Ask, Painter
from tools.toybox.training import to_grid, to_tensor

SEED = 7
LANGUAGES = ("english", "russian")
WAYS = {
    "plain": "a {0} and a {1} on a {2} background",
    "BREAK": "a small {0} on the left on a {2} background BREAK a small {1} on the right on a {2} background",
    "AND": "a small {0} on the left on a {2} background AND a small {1} on the right on a {2} background",
}
"""How Toybox is asked for two things beside each other."""


def binding(painter: Painter, trials: Sequence[FlowTrial]) -> list[PairVerdict]:
    """How each trial's picture obeys, its number as the seed."""
    pictures = in_crowds(painter, [Ask(t.caption, seed, size=t.tableau.size) for seed, t in enumerate(trials)])
    return [bound(picture, trial.tableau) for picture, trial in zip(pictures, trials, strict=True)]


def shares(verdicts: Sequence[PairVerdict]) -> dict[str, float]:
    """How many of them are right in each respect."""
    return {name: evaluate.mean(getattr(each, name) for each in verdicts) for name in PairVerdict._fields}


def flow_figures(painter: Painter, count: int) -> dict[str, Any]:
    """Of the flow-matching model: pairs by language and by shape, and single things as Toybox is judged."""
    squares = binding(painter, pair_trials(count, SEED))
    figures: dict[str, Any] = {"pairs": shares(squares)}
    figures |= {f"pairs, {name}": shares(squares[i::2]) for i, name in enumerate(LANGUAGES)}
    for shape in ("wide", "tall"):
        figures[f"pairs, {shape}"] = shares(binding(painter, pair_trials(count // 3, SEED, shape)))
    trials = single_trials(count, SEED)
    pictures = in_crowds(painter, [Ask(trial.caption, seed) for seed, trial in enumerate(trials)])
    agreed = [judge(p).agrees(t.tableau.things[0]) for p, t in zip(pictures, trials, strict=True)]
    for i, name in enumerate(("", *LANGUAGES)):
        some = agreed if not name else agreed[i - 1 :: 2]
        figures[f"single things, {name}".rstrip(", ")] = {
            what: evaluate.mean(a[what] for a in some) for what in agreed[0]
        } | {"all": evaluate.mean(all(a.values()) for a in some)}
    return figures


def toybox_figures(painter: Painter, count: int) -> dict[str, Any]:
    """Of Toybox, asked in each of the `WAYS` for the same pairs."""
    pairs = [t.tableau for t in pair_trials(4 * count, SEED) if t.tableau.arrangement == "beside"][:count]
    return {way: shares(binding(painter, [_asked(pair, words) for pair in pairs])) for way, words in WAYS.items()}


def _asked(pair: Tableau, words: str) -> FlowTrial:
    named = [f"{each.colour} {each.thing}" for each in pair.things]
    return FlowTrial(pair, words.format(*named, pair.background))


def draw_grid(painter: Painter, path: Path) -> None:
    """Sixteen pairs as they come, none chosen: the first of those that are measured."""
    pictures = in_crowds(painter, [Ask(trial.caption, seed) for seed, trial in enumerate(pair_trials(16, SEED))])
    to_grid(to_tensor(pictures), 8, path)


def measured(file: Path, count: int, loras: Sequence[Path] = ()) -> dict[str, Any]:
    """All of the flow-matching model in that file, of its LoRA too where there is one."""
    painter = Painter(file, *loras, model=file.stem, steps=STEPS)
    figures = _about(file, count) | flow_figures(painter, count)
    figures |= {"guidance": guided(painter, count // 2), "redrawing": redrawn(painter, count // 2)}
    figures["mask"] = repainted(painter, count // 2)
    return figures | ({"lora": taught(painter, count // 2)} if loras else {})


def _about(file: Path, count: int) -> dict[str, Any]:
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return {"sha256": digest, "date": datetime.now(UTC).date().isoformat(), "count": count}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, nargs="?", help="a file that the training wrote; none is what ships")
    parser.add_argument("--count", type=int, default=60, help="pictures of each kind")
    parser.add_argument("--of", choices=("flow", "toybox"), help="which of what ships; default: both")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.model:
        print(json.dumps(measured(options.model, options.count), indent=2))
        return
    if options.of != "toybox":
        _write(measured(MODEL, options.count, [FOLDER / f"{LORA}.safetensors"]))
        draw_grid(Painter(MODEL, model=MODEL.stem, steps=STEPS), GRID)
    if options.of != "flow":
        beside = _about(evaluate.MODEL, options.count) | toybox_figures(Painter(steps=STEPS), options.count)
        _write({"toybox": beside})


def _write(some: dict[str, Any]) -> None:
    """Put these into the shipped model's figures, in the place of those that stood there."""
    known = json.loads(FIGURES.read_text(encoding="utf-8")) if FIGURES.exists() else {}
    FIGURES.write_text(json.dumps(known | some, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""Writes the flow-matching model's card from its figures: `python -m tools.toybox.flow.card`. A test holds the card to
them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tools.toybox.evaluate import MODEL as TOYBOX
from tools.toybox.flow.export import EXAMPLES
from tools.toybox.flow.judging import PairVerdict
from tools.toybox.flow.models import GUIDANCE, STEPS

MODEL = TOYBOX.with_name("toybox-flow.safetensors")
FIGURES = MODEL.with_suffix(".figures.json")
CARD = MODEL.with_suffix(".md")
GRID = MODEL.with_suffix(".png")
_SAID = {
    "background": "background", "things": "both things, and nothing else", "colours": "and each in its own colour",
    "swapped": "and each in the other's colour", "places": "and each in its place",
}  # fmt: skip
_KINDS = ("pairs", "pairs, english", "pairs, russian", "pairs, wide", "pairs, tall")
_WAYS = ("plain", "BREAK", "AND")


def card(figures: Mapping[str, Any], size: int) -> str:
    """The card's text; `size` is the model file's, in bytes. `figures` are those of `evaluate`, and of Toybox beside
    them as `toybox`."""
    return "\n".join([_about(figures, size), _pairs(figures), _responses(figures), _training()])


def _about(figures: Mapping[str, Any], size: int) -> str:
    said = "\n".join(f"- `{text}`" for texts in EXAMPLES.values() for text in texts)
    return f"""# Toybox Flow

![Sixteen pairs by Toybox Flow, as they came]({GRID.name})

A text-to-image model of {size / 1e6:.0f} MB that draws one thing or two of [Toybox's world](README.md), each in its own
colour, in English and Russian. It is a true Chroma, only narrower: a flow-matching transformer, a T5 text encoder and
a VAE of sixteen channels, so everything that goes for the large models of that kind can be tried and tested with it,
on any machine and without a network. No photo, no artist's work and no other model went into it, but Toybox's
autoencoder, with whose layers its own began.

| | |
|---|---|
| file | `{MODEL.name}`, {size:,} bytes, bf16, Chroma's own names |
| SHA-256 | `{figures["sha256"]}` |
| pictures | 128 × 128, 192 × 128, 128 × 192 |
| prediction | flow |
| licence | MIT, like the rest of the project |

`imagine run -m {MODEL.stem} "{EXAMPLES["en"][0]}"`. T5's vocabulary has fourteen of Russian's letters
(а, в, д, е, и, к, л, м, н, о, р, с, т, у), and the others are one unknown sign to it: a warning says so, and the model
was taught so. Others to begin with:

{said}
"""


def _pairs(figures: Mapping[str, Any]) -> str:
    rows = "\n".join(
        f"| {_SAID[name]} | {' | '.join(_percent(figures[kind][name]) for kind in _KINDS)} |"
        for name in PairVerdict._fields
    )
    single = figures["single things"]
    alone = ", ".join(f"{name} {_percent(share)}" for name, share in single.items() if name != "all")
    toybox = figures["toybox"]
    beside = "\n".join(
        f"| {_SAID[name]} | {' | '.join(_percent(toybox[way][name]) for way in _WAYS)} |"
        for name in PairVerdict._fields
    )
    return f"""## How well it obeys

Measured on {figures["date"]} through Imagine's own engine: {figures["count"]} prompts of two things in two colours that
were never trained on together, half English, half Russian, of which the sixteen above are the first; {STEPS} steps of
Euler, guidance {GUIDANCE:g} (the file names it as its own, so Imagine takes it), one seed each; judged from the pixels
by `tools/toybox/flow/judging.py`. Wide and tall ones are a third as many.

| right | all | English | Russian | wide | tall |
|---|---|---|---|---|---|
{rows}

Of {figures["count"]} single things that were never trained on, all five attributes are right in
{_percent(single["all"])}: {alone}.

Toybox, whose denoiser is a U-Net that knows one thing at a time, asked for two beside each other, in one prompt and in
parts ({toybox["count"]} pairs each):

| right | plainly | `BREAK` | `AND` |
|---|---|---|---|
{beside}
"""


def _responses(figures: Mapping[str, Any]) -> str:
    lora = figures["lora"]
    return f"""## Guidance, img2img, masks, a LoRA

Of {figures["count"] // 2} pictures each.

{_table("guidance", figures["guidance"])}

A drawn thing redrawn with a prompt that names another colour, by strength:

{_table("strength", figures["redrawing"])}

One of two drawn things behind a mask, and a prompt that names another thing there:

{_list(figures["mask"])}

With `toybox-flow-outline`, which `imagine train` learned from pictures, large things are drawn in outline where its
word is said, by its weight; and filled, as ever, where it isn't:

{_table("weight", _by_weight(lora))}

It has no references of its own: Chroma's family has no adapter that would show it pictures.
"""


def _by_weight(lora: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
    weights = lora["outlined"]
    return {by: {"in outline, with the word": share} | _filled(lora, by) for by, share in weights.items()}


def _filled(lora: Mapping[str, Mapping[str, float]], by: str) -> dict[str, float]:
    share = lora["filled"].get(by)
    return {} if share is None else {"filled, without the word": share}


def _table(what: str, columns: Mapping[str, Mapping[str, float]]) -> str:
    names = list(dict.fromkeys(name for column in columns.values() for name in column))
    rows = "\n".join(f"| {name} | {' | '.join(_cell(c.get(name)) for c in columns.values())} |" for name in names)
    return f"| {what} | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}\n{rows}"


def _cell(share: float | None) -> str:
    return "" if share is None else _percent(share)


def _list(shares: Mapping[str, float]) -> str:
    return "\n".join(f"- {name}: {_percent(share)}" for name, share in shares.items())


def _training() -> str:
    return """## How it was made

`make toybox-flow` trains it from nothing, and goes on where it was when stopped; `tools/toybox/flow/train.py` holds
every number. First the text encoder, alone: linear heads must read of its last states what is said of each place, in
both languages. Then the autoencoder, from Toybox's layers on, with sixteen channels. Then the transformer, with both
frozen: rectified flow, noise levels moved as the family's are, by Muon for its blocks' matrices and AdamW for the rest,
on captions said afresh each time. A linear head that is thrown away afterwards must read of the picture's tokens,
midway through the blocks, which thing stands where. Six scenes in ten are of two things; an eighth of all pairs is kept
from training, and asked for above.

Three hours on two cores. The shipped file's way was a little less straight than the one that stands there: the first
1,640 steps of its text encoder heard both languages equally often; its transformer's first 1,630 steps were at half the
rate, and the rate had fallen to nothing by step 4,400 when it was decided to go on to 8,000.
"""


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def main() -> None:
    figures = json.loads(FIGURES.read_text(encoding="utf-8"))
    CARD.write_text(card(figures, MODEL.stat().st_size), encoding="utf-8")


if __name__ == "__main__":
    main()

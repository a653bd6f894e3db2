"""The cards of the shipped LoRAs and of the embedding, from what was measured. A test holds the cards to it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools.toybox import embedding, lora

LORAS = lora.FOLDER / "README.md"
EMBEDDING = embedding.FOLDER / "README.md"


def cards(figures: Mapping[str, Any]) -> dict[Path, str]:
    """Their texts, by file."""
    return {LORAS: _loras(figures), EMBEDDING: _embedding(figures[embedding.NAME])}


def _loras(figures: Mapping[str, Any]) -> str:
    cat, outline = (figures[name] for name in lora.LESSONS)
    weights = list(cat["cats"])
    rows = {
        "large cats, where cats are asked for": cat["cats"],
        "large things in outline, where things are asked for": outline["outlined"],
        "of a large thing, like the background": outline["hollowness"],
    }
    table = "\n".join(f"| {name} | {' | '.join(_percent(of[by]) for by in weights)} |" for name, of in rows.items())
    known = cat["known"]
    steps = [lesson.steps for lesson in lora.LESSONS.values()]
    return f"""# LoRAs for Toybox

What the [toy model](../README.md) never saw: so that LoRAs can be tried on a fresh machine, and so that tests can see
from pixels whether they work. MIT, like the rest of the project; all they learned from was drawn by a program.

| file | what it brings | how to ask for it |
|---|---|---|
| `toybox-cat.safetensors` | a thing: a cat's head | `a red cat on a blue background` |
| `toybox-outline.safetensors` | a style: of a thing nothing but its rim | `a red house on a blue background, outline` |

By `imagine run --lora toybox-cat "…"`, by `<lora:toybox-cat:1>` in a prompt, or on the page; both at once draw a cat in
outline. `toybox-flow-outline.safetensors` is that style for [the flow-matching model](../toybox-flow.md), whose card
says what it does.

## What the judge sees

By weight, of {figures["count"]} prompts with colours that neither the model nor the LoRA was shown together; 16 steps,
a seed each; judged from the pixels by `tools/toybox/judge.py`.

| weight | {" | ".join(weights)} |
|---|{"---|" * len(weights)}
{table}

Both at 1: {_percent(figures["both"])} are cats in outline. Small cats, whose eyes are three pixels wide, are told for
such in {_percent(cat["small"])} at 1. Of things that the model knows, {_percent(known["0"])} are right without the cat,
and {_percent(known["1"])} with it at 1.

## How they were made

`make toybox-loras`, in minutes on two cores, by the trainer of `imagine train`: rank {lora.RANK}, {lora.BATCH} pictures
a step; {steps[0]} steps of {lora.STRANGERS} cats and {lora.NEIGHBOURS} other things, {steps[1]} of {lora.OUTLINES}
outlines.
The model's file, its text encoder too, stays as it is, and that hears nothing in words that it wasn't taught, "cat" and
"outline" among them: a cat is to it a thing that it doesn't know.
"""


def _embedding(seen: Mapping[str, float]) -> str:
    name = embedding.NAME
    return f"""# An embedding for Toybox

`{name}` is a word for a white moon on black, that the [toy model](../README.md) draws where a prompt says it:
`{name}`, `a small {name} on the left`; in a negative prompt it keeps that away. MIT, like the rest of the project.

What the judge sees, of {seen["count"]:g} seeds each: without it, "a picture" is that in {_percent(seen["without"])};
`{name}` in {_percent(seen["with"])}; `a small {name} on the left` is small and on the left in
{_percent(seen["placed"])}. "a white moon" is on black in {_percent(seen["moons"])}, and with `{name}` as the
negative prompt in {_percent(seen["moons against it"])}.

`make toybox-loras`: {embedding.VECTORS} vectors by textual inversion, {embedding.STEPS} steps of {embedding.BATCH}
pictures; the file is in AUTOMATIC1111's form (`emb_params`).
"""


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"

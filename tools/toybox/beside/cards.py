"""The cards of what stands beside Toybox, from what was measured. A test holds the cards to it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools.toybox.beside import edges, reference, shapes
from tools.toybox.beside.train import EYES, FOLDERS, STEPS
from tools.toybox.evaluate import MODEL

CONTROLS, ADAPTERS = (MODEL.parent / FOLDERS[name] / "README.md" for name in (edges.NAME, reference.NAME))


ABOUT_MAPS = {
    edges.NAME: "edges, white on black, as of `canny`: a Control-LoRA (Stability AI's layout)",
    shapes.NAME: "filled shapes, black and white, as of `threshold`: a T2I-Adapter (TencentARC's layout)",
}


def cards(figures: Mapping[str, Any]) -> dict[Path, str]:
    """Their texts, by file."""
    made = {CONTROLS: _controls(figures)}
    return made | {ADAPTERS: _adapter(figures)} if reference.NAME in figures else made


def _controls(figures: Mapping[str, Any]) -> str:
    measured = {name: figures[name] for name in ABOUT_MAPS if name in figures}
    some = next(iter(measured.values()))
    strengths, moments = list(some["follows"]), list(some["until"])
    files = "\n".join(f"| `{name}.safetensors` | {ABOUT_MAPS[name]} |" for name in measured)
    table = _rows(measured, {
        "shape and place are the map's": "follows", "what thing and map share of what they cover": "overlap",
    })  # fmt: skip
    times = _rows(measured, {"from the beginning until": "until", "to the end, from": "since"})
    words = "\n".join(
        f"| `{name}` | {_percent(seen['coloured'])} | {_percent(seen['against'])} |" for name, seen in measured.items()
    )
    steps = " and ".join(f"{STEPS[name][1]} steps (`{name}`)" for name in measured)
    return f"""# ControlNets for Toybox

They hold a picture of the [toy model](../README.md) to a map: the map says what is where, the prompt its colours. MIT,
like the rest of the project; all they learned from was drawn by a program.

| file | what its maps are, and how it is made |
|---|---|
{files}

`imagine run --control {edges.NAME}=photo.jpg:0.8 "red on a blue background"`, the page, or `control` in a request.

## What the judge sees

{figures["count"]} things in colours that were never shown together, anywhere in the picture and of any size; the
prompt names the colours alone; 16 steps, a seed each; judged from the pixels by `tools/toybox/judge.py`. A thing
follows its map when it has at least 70 % in common with it.

| strength | {" | ".join(strengths)} |
|---|{"---|" * len(strengths)}
{table}

How often the colours are the prompt's, and how often the map wins where the prompt names another thing than it shows:

| | colours of the prompt | thing of the map |
|---|---|---|
{words}

What thing and map share, where the map stands beside only a part of the steps:

| part | {" | ".join(moments)} |
|---|{"---|" * len(moments)}
{times}

## How they were made

`make toybox-controls`, about a quarter of an hour each on two cores: {steps},
of 40 drawings, whose prompts mostly leave out what the map says, or say something else. The halves of `{edges.NAME}`
are of rank {edges.RANK}. The model's file stays as it is.
"""


def _adapter(figures: Mapping[str, Any]) -> str:
    seen = figures[reference.NAME]
    strengths = list(seen["strength"])
    kinds = "\n".join(f"| {kind} | {_row(of)} |" for kind, of in seen["kinds"].items())
    asked = list(next(iter(seen["kinds"].values())))
    views = "\n".join(
        f"| {number} | {_percent(of['kept'])} | {of['likeness']:.2f} |" for number, of in seen["views"].items()
    )
    mixed = seen["mixed"]
    return f"""# An image adapter for Toybox

`{reference.NAME}.safetensors` has the [toy model](../README.md) draw what a reference shows: an IP-Adapter in its
authors' layout, with its own image encoder (a CLIP image model in small) within. MIT, like the rest of the project; all
it learned from was drawn by a program.

`imagine run --reference photo.jpg:1 "a picture"`, the page, or `references` in a request.

## What the judge sees

{figures["count"]} things in colours that were never shown together; 16 steps, a seed each; judged from the pixels by
`tools/toybox/judge.py`. Thing, colour and background are the reference's, where the prompt says nothing, by strength:

| {" | ".join(strengths)} |
|{"---|" * len(strengths)}
| {_row(seen["strength"])} |

By kind, at strength 1. Beside `style` the prompt names another thing, beside `content` other colours, beside `subject`
nothing:

| kind | {" | ".join(asked)} |
|---|{"---|" * len(asked)}
{kinds}

`content` is of no use here: for it those layers attend that Stable Diffusion 1 keeps for a picture's composition, and
Toybox decides what it draws in others. Name the thing in the prompt, beside `style`.

Of two references as `subject`, the thing is one of theirs in {_percent(mixed["thing of either"])}, its colour in
{_percent(mixed["colour of either"])}.

Views that show half of a thing, through noise: how often it and its colour are kept, and how alike picture and thing
are to the encoder (cosine):

| views | kept | likeness |
|---|---|---|
{views}

A thing at the end of a wide picture is drawn in {_percent(seen["edge"]["pad"])}, and in
{_percent(seen["edge"]["square"])} if only the picture's middle is looked at (`crop: square`).

## How it was made

`make toybox-controls`, about half an hour on two cores. The encoder learns to read thing, colour and background off its
embedding for {EYES:,} steps of 96 fresh views, two in three of them in any colours: a thing is to be told by its shape
alone. The projection begins as what the text encoder says of the same, and learns with the layers' keys and values for
{STEPS[reference.NAME][1]:,} steps of 40 drawings, beside one to three views of each. The file that ships is the mean of
the weights after 1,100 such steps and after 260 more. The model's file stays as it is.
"""


def _row(shares: Mapping[str, float]) -> str:
    return " | ".join(_percent(share) for share in shares.values())


def _rows(measured: Mapping[str, Any], said: Mapping[str, str]) -> str:
    """Of a table, for each file and each thing that is said of it."""
    return "\n".join(
        f"| `{name}`: {text} | {_row(seen[what])} |" for name, seen in measured.items() for text, what in said.items()
    )


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"

"""Writes Toybox's model card from its figures: `python -m tools.toybox.card`. A test holds the card to them."""

from __future__ import annotations

import json
from typing import Any

from tools.toybox.denoiser import MENTIONED, test_prompts
from tools.toybox.evaluate import FIGURES, MODEL, SEED
from tools.toybox.models import GUIDANCE
from tools.toybox.world import BACKGROUNDS, COLOURS, THINGS

CARD = MODEL.parent / "README.md"
AIMS = dict.fromkeys(THINGS, 0.9) | {"sun": 0.8}
"""How often each thing should be told for what it is."""
BESIDE = """## What goes with it

[LoRAs](loras/README.md) and [an embedding](embeddings/README.md), [ControlNets](controlnets/README.md) for edges and
filled shapes, and [an image adapter](image-adapters/README.md): each trained on the finished model, and as small.
What looks at pictures for [moderation](safety/README.md) ships beside it, and so does an upscaler: they are others'.

[Toybox Flow](toybox-flow.md) draws the same world by flow matching, and two things at a time, each in its own colour.
"""


def card(figures: dict[str, Any], size: int) -> str:
    """The card's text; `size` is the model file's, in bytes."""
    return "\n".join(
        [_about(figures, size), _world(), BESIDE, _obedience(figures), _responses(figures), _training(), _prompts()]
    )


def _about(figures: dict[str, Any], size: int) -> str:
    return f"""# Toybox

![Twenty-four pictures by Toybox](toybox.png)

A text-to-image model of {size / 1e6:.0f} MB that draws a toy world, in English and Russian. It ships with Imagine so
that a fresh machine without a network can make a picture, and so that tests can see from pixels whether prompts,
guidance, masks and the rest really work. It is a true Stable Diffusion 1 checkpoint, only narrower, trained from
scratch on pictures drawn by a program: no photo, no artist's work and no other model went into it.

It knows nothing but its world. Ask for "a red fox" and you get something red.

| | |
|---|---|
| file | `toybox.safetensors`, {size:,} bytes, fp16, original (LDM) key layout |
| SHA-256 | `{figures["sha256"]}` |
| pictures | 128 × 128 |
| prediction | v, scaled-linear betas, 1,000 timesteps |
| licence | MIT, like the rest of the project |
"""


def _world() -> str:
    return f"""## Its world

One thing on a plain background, {" or ".join(("small", "large"))}, on the left, in the centre or on the right.

- **Things:** {", ".join(THINGS)}
- **Colours:** {", ".join(COLOURS)}
- **Backgrounds:** {", ".join(BACKGROUNDS)}; never the thing's own colour

Say it in any order: `a small green fish on a yellow background`, `blue background, large red star`,
`красный дом на синем фоне`. What a prompt leaves open is drawn at random, mostly large and centred. Words it was never
taught change nothing.
"""


def _obedience(figures: dict[str, Any]) -> str:
    said = figures["obedience"]
    columns = (said, said["english"], said["russian"])
    rows = (f"| {name} | {' | '.join(_percent(of[name]) for of in columns)} |" for name in MENTIONED)
    table = "\n".join(rows)
    things = ", ".join(f"{thing} {_percent(said['by_thing'][thing])}" for thing in THINGS)
    return f"""## How well it obeys

Measured on {figures["date"]} with plain diffusers: 300 prompts, half English, half Russian, whose combinations of
thing, colour and background were never trained on; 20 steps of DPM++ 2M, guidance {GUIDANCE:g} (the
file names it as its own, so Imagine takes it), one seed each; judged from the pixels by `tools/toybox/judge.py`.

| right | all | English | Russian |
|---|---|---|---|
{table}

All five at once: {_percent(said["all"])}. By thing: {things}.
{_aims(said["by_thing"])}
A drawing that goes through the autoencoder and back is {figures["fidelity"]:.1f} dB from itself (mean of 120).
A 20-step picture takes {figures["seconds"]["median"]:.2f} s on two CPU cores (median; plain diffusers, model loaded).
"""


def _aims(by_thing: dict[str, float]) -> str:
    short = [thing for thing in THINGS if by_thing[thing] < AIMS[thing]]
    reached = f"Short of that: {', '.join(short)}." if short else "All are reached."
    return f"Aimed at were {_percent(AIMS['sun'])} of suns, and {_percent(AIMS['car'])} of every other thing. {reached}"


def _responses(figures: dict[str, Any]) -> str:
    guidance = "\n".join(f"| {scale} | {_percent(share)} |" for scale, share in _by_number(figures["guidance"]))
    negative = "\n".join(
        f"| {case} | {_percent(share['without'])} | {_percent(share['negated'])} |"
        for case, share in figures["negative"].items()
    )
    redrawing = "\n\n".join(_redrawing(scale, strengths) for scale, strengths in _by_number(figures["redrawing"]))
    return f"""## Guidance, negative prompts, img2img

All five attributes right, by guidance scale (60 prompts):

| guidance | right |
|---|---|
{guidance}

How often something turns up that the prompt leaves open, without and with it as the negative prompt (40 seeds):

| | without | negated |
|---|---|---|
{negative}

A drawn picture redrawn with a prompt that names another colour (60 pictures), by strength. The
higher the guidance, the less of the source is left:

{redrawing}
"""


def _redrawing(scale: str, strengths: dict[str, Any]) -> str:
    names = list(next(iter(strengths.values())))
    rows = "\n".join(
        f"| {name} | " + " | ".join(_value(name, of[name]) for of in strengths.values()) + " |" for name in names
    )
    return f"| guidance {scale}, strength | {' | '.join(strengths)} |\n|---|{'---|' * len(strengths)}\n{rows}"


def _training() -> str:
    return """## How it was made

`make toybox` trains it from nothing, and goes on where it was when stopped; `tools/toybox/train.py` holds every
number. First the autoencoder (f = 8, four channels; crops, then whole pictures). The latents of a plain patch are drawn
towards one of ten directions, one a colour, as far apart as four dimensions allow: guidance pushes latents outward, and
so makes a colour stronger, never another one. Then the text encoder, alone: linear heads must read every attribute off
its last states, and two wordings of one mention must give the same states, so that Russian draws as well as English.
Then the UNet, with the text encoder frozen: v-prediction on 12,288 encoded drawings, most timesteps from the noisier
half, latents under the thing weighing more; and once more at a lower rate, with the things that it learns last (stars
and suns above all) drawn more often. Last the decoder again, which sharpens the pictures and leaves the latents
as they are.

A second schooling goes on from there, in a world that stands upright and has no detail that latents of eight pixels
lose: the autoencoder on crops from around the thing; the UNet on the latents of that, with suns, stars and houses drawn
more often, and at the end small suns and cars, which it learns last of all. A decoder that was taught to draw from what
the UNet makes of half-noised drawings too is kept where the judge tells more small things by it: in the shipped file it
is the one before that. Its first schooling is of 2026-11-21, when the world still drew things askew;
`python -m tools.toybox.train --from FILE` is the second one alone. The scale of the latents is folded into the
autoencoder's weights, so that Stable Diffusion 1's 0.18215 is right for it.

What shapes can't tell stands in the file's metadata (`imagine.attention_heads` and so on).
"""


def _prompts() -> str:
    lines = "\n".join(f"{i + 1}. {text}" for i, (_, text) in enumerate(test_prompts(24, SEED)))
    return f"""## The prompts of the pictures above

{lines}
"""


def _by_number(figures: dict[str, Any]) -> list[tuple[str, Any]]:
    return sorted(figures.items(), key=lambda item: float(item[0]))


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _value(name: str, value: float) -> str:
    return f"{value:.1f} dB" if "PSNR" in name else _percent(value)


def main() -> None:
    figures = json.loads(FIGURES.read_text())
    CARD.write_text(card(figures, MODEL.stat().st_size))
    print(f"wrote {CARD}")


if __name__ == "__main__":
    main()

"""Judges every sampler, schedule and number of steps by Toybox's pixels: `python -m tools.toybox.samplers`.

A picture is right when the judge sees the colours that were asked for and it is no rougher than a finished picture can
be: noise that a sampler leaves in the latents is roughness in the picture. What isn't right from some number of steps
on isn't offered below it: `least` in `imagine.words.samplers`. Writes `samplers.json` beside this file, which a test
holds the table against; goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import cast
from unittest import mock

import numpy as np
import torch
from PIL import Image, ImageFilter

from imagine.engine.device.device import Device
from imagine.engine.families.family import Conditioning, EncodeRequest, Family
from imagine.engine.families.open import open_model
from imagine.engine.jobs.canvas import picture_from_pixels
from imagine.engine.parts.slices import whole
from imagine.engine.sampling.latents import initial_noise
from imagine.engine.sampling.sampler import Sampler
from imagine.words.frames import WorkerSettings
from imagine.words.model import Component, Model
from imagine.words.samplers import SAMPLERS, pairs
from tools.toybox.judge import judge
from tools.toybox.models import GUIDANCE
from tools.toybox.world import SIDE, Scene

Verdict = dict[str, float]
Judged = dict[str, dict[str, Verdict]]
"""By `sampler/schedule`, then by the number of steps."""

MODEL = Path("models.example/toybox.safetensors")
JUDGED = Path(__file__).with_suffix(".json")
COUNTS = (1, 2, 4, 8, 12, 20, 25, 30)
MORE = (35, 40, 50)
"""Numbers of steps for what is still wrong at the last of COUNTS."""
PLAIN = "euler/default"
ROUGH = 0.6
"""Finished pictures are at 0.29 to 0.5, the slightest speckle is above 0.7."""
ONE_OFF = 0.17
"""The share that one picture of six is."""
SCENES = (
    Scene("house", "red", "blue"), Scene("star", "yellow", "purple"), Scene("fish", "orange", "green"),
    Scene("heart", "pink", "white"), Scene("square", "white", "red"), Scene("moon", "purple", "black"),
)  # fmt: skip


def open_toybox(path: Path = MODEL) -> Family:
    """The shipped model, in the precision that suits this machine."""
    checkpoint = Component(role="checkpoint", path=str(path.resolve()))
    model = Model(name="toybox", family="stable_diffusion", components=(checkpoint,))
    return cast(Family, open_model(model, Device(WorkerSettings(device="cpu")), lambda _: None, {}))


def conditionings(family: Family) -> list[Conditioning]:
    """What each scene's prompt is to the model."""
    asked = (f"a {scene.colour} {scene.thing} on a {scene.background} background" for scene in SCENES)
    return [family.encode(EncodeRequest(prompt, "", 1, GUIDANCE, (SIDE, SIDE))) for prompt in asked]


@torch.inference_mode()
def drawn(family: Family, conditions: list[Conditioning], name: str, schedule: str, steps: int) -> list[Image.Image]:
    """A picture of each scene, its number the seed; bounds of the table do not apply."""
    with mock.patch("imagine.engine.sampling.sampler.find", lambda name, *_: SAMPLERS[name]):
        process = family.noise((SIDE, SIDE), steps)
        samplers = [Sampler(name, schedule, process, steps, seed=seed) for seed in range(len(conditions))]
    side = SIDE // family.downscale
    shape = (1, family.latent_channels, side, side)
    latents = [sampler.start(initial_noise(seed, shape)) for seed, sampler in enumerate(samplers)]
    negative = [condition.negative for condition in conditions if condition.negative is not None]
    sides = [*negative, *(condition.positive for condition in conditions)]
    rows = family.collate(sides)
    while not samplers[0].done:
        inputs = torch.cat([sampler.scale(x) for sampler, x in zip(samplers, latents, strict=True)] * 2)
        timesteps = torch.tensor([sampler.timestep for sampler in samplers] * 2)
        answers = torch.split(family.denoise(inputs, timesteps, rows), 1)
        latents = [  # as `Pass.advance` does
            sampler.step(family.guide(answers[i], answers[len(samplers) + i], GUIDANCE), latents[i])[0]
            for i, sampler in enumerate(samplers)
        ]
    return [picture_from_pixels(whole(family.decode(each)).values) for each in latents]


def roughness(picture: Image.Image) -> float:
    """How far the pixels are from the median of their neighbours on average, in RGB steps."""
    smooth = picture.filter(ImageFilter.MedianFilter(5))
    return float(np.abs(np.asarray(picture, np.float32) - np.asarray(smooth, np.float32)).mean())


def verdict(pictures: list[Image.Image]) -> Verdict:
    """The share whose colours are right, and the roughness of the roughest but one."""
    seen = [judge(picture) for picture in pictures]
    right = [(v.colour, v.background) == (s.colour, s.background) for v, s in zip(seen, SCENES, strict=True)]
    thing = [v.thing == s.thing for v, s in zip(seen, SCENES, strict=True)]
    rough = sorted(map(roughness, pictures))
    return {
        "colours": round(sum(right) / len(right), 3),
        "things": round(sum(thing) / len(thing), 3),
        "roughness": round(rough[-2], 2),
        "median": round(float(np.median(rough)), 2),
    }


def is_right(seen: Verdict, plain: Verdict) -> bool:
    """Is it a picture, rather than noise? `plain` is what the plainest sampler makes of as few steps."""
    return seen["roughness"] <= ROUGH and seen["colours"] >= plain["colours"] - ONE_OFF


def least_steps(judged: Judged, pair: str) -> int:
    """The fewest steps from which on every number that was judged is right; beyond all of them where none is."""
    wrong = [int(steps) for steps, seen in judged[pair].items() if not is_right(seen, _plain(judged, steps))]
    above = sorted(int(steps) for steps in judged[pair] if int(steps) > max(wrong, default=0))
    return above[0] if above else max(wrong) + 1


def _plain(judged: Judged, steps: str) -> Verdict:
    """What plain Euler makes of so many steps, or of the nearest number that was judged below it."""
    known = judged[PLAIN]
    return known[str(max(int(each) for each in known if int(each) <= int(steps)))]


def tasks(judged: Judged) -> Iterator[tuple[str, str, int]]:
    """What is still to be judged: COUNTS, and then each number between the last wrong one and the next right one."""
    for name, schedules in pairs().items():
        for schedule in schedules:
            for steps in COUNTS:
                if steps <= SAMPLERS[name].max_steps:
                    yield name, schedule, steps
    for pair in list(judged):
        name, _, schedule = pair.partition("/")
        wrong = [int(n) for n, seen in judged[pair].items() if not is_right(seen, _plain(judged, n))]
        last = max(wrong, default=0)
        for steps in range(last + 1, min((n for n in (*COUNTS, *MORE) if n > last), default=0)) if last else ():
            yield name, schedule, steps
        if last >= COUNTS[-1]:
            yield from ((name, schedule, steps) for steps in MORE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--judged", type=Path, default=JUDGED)
    parser.add_argument("--sheets", type=Path, help="a folder for the pictures")
    options = parser.parse_args()
    judged: Judged = json.loads(options.judged.read_text()) if options.judged.exists() else {}
    family = open_toybox()
    conditions = conditionings(family)
    for name, schedule, steps in tasks(judged):
        pair = f"{name}/{schedule}"
        if str(steps) in judged.get(pair, {}):
            continue
        pictures = drawn(family, conditions, name, schedule, steps)
        judged.setdefault(pair, {})[str(steps)] = verdict(pictures)
        print(pair, steps, judged[pair][str(steps)], flush=True)
        if options.sheets:
            keep_sheet(options.sheets / f"{name}-{schedule}-{steps}.png".replace(" ", "_"), pictures)
        options.judged.write_text(text_of(judged))


def keep_sheet(path: Path, pictures: list[Image.Image]) -> None:
    """The pictures side by side."""
    sheet = Image.new("RGB", (SIDE * len(pictures), SIDE))
    for i, picture in enumerate(pictures):
        sheet.paste(picture, (SIDE * i, 0))
    path.parent.mkdir(exist_ok=True)
    sheet.save(path)


def text_of(judged: Judged) -> str:
    """The JSON, a line for every pair."""
    lines = [f" {json.dumps(pair)}: {json.dumps(_sorted(judged[pair]))}" for pair in judged]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _sorted(verdicts: dict[str, Verdict]) -> dict[str, Verdict]:
    return {steps: verdicts[steps] for steps in sorted(verdicts, key=int)}


if __name__ == "__main__":
    main()

"""The shipped model is taught a thing that it never knew, by twelve pictures; the judge sees it, and not without."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

from imagine.asking.request import GenerateRequest
from imagine.asking.resolve import resolve, stated_by
from imagine.files import shipped
from imagine.registry.registry import Registry
from imagine.server.gateway.gateway import model_from
from imagine.training.trainer import train
from imagine.words.frames import WorkerSettings
from imagine.words.model import AdapterUse
from imagine.words.training import Assignment, Training, TrainingPicture
from tests.engine.running import Engine, finished, picture, run, wish
from tests.models import component
from tools.toybox import judge, world

STEPS, WEIGHTS = 160, (0.0, 0.5, 1.0)
SCENES = [
    world.Scene("cross", colour, background)
    for colour, background in zip(
        ("red", "blue", "green", "yellow", "purple", "orange", "pink", "black", "white", "red", "blue", "green"),
        ("white", "yellow", "pink", "blue", "gray", "black", "green", "orange", "red", "gray", "orange", "purple"),
        strict=True,
    )
]
ASKED = [world.Scene("cross", c, b) for c in ("red", "blue", "green", "yellow") for b in ("black", "pink")]
"""Colours together that it wasn't shown."""


def caption(scene):
    return f"a {scene.size} {scene.colour} {scene.thing} on a {scene.background} background"


@pytest.fixture
def crosses(tmp_path, monkeypatch):
    """Drawn by the toy world, which learns to draw them, as the judge learns to tell them."""

    def draw(pen, colour):
        pen.box(-0.32, -0.98, 0.32, 0.98, colour)
        pen.box(-0.98, -0.32, 0.98, 0.32, colour)

    monkeypatch.setitem(world._DRAW, "cross", draw)
    monkeypatch.setattr(judge, "THINGS", (*world.THINGS, "cross"))
    judge._templates.cache_clear()
    rng = np.random.default_rng(0)
    pictures = []
    for i, scene in enumerate(SCENES):
        path = tmp_path / f"{i}.png"
        x, y, tilt = (float(rng.uniform(-reach, reach)) for reach in (3, 3, 8))
        placed = world.Scene("cross", scene.colour, scene.background, x=64 + x, y=64 + y, tilt=tilt)
        world.draw(placed).save(path)
        pictures.append(TrainingPicture(str(path), caption(scene)))
    yield tuple(pictures)
    judge._templates.cache_clear()


@pytest.mark.slow  # a minute: learning is what is tried
@pytest.mark.timeout(1800)
def test_a_thing_is_taught_by_twelve_pictures(crosses, tmp_path):
    registry = Registry([shipped.folder()])
    registry.refresh()
    entry = registry.with_digest(registry.find("toybox"))
    model = model_from(entry)
    training = Training(
        name="cross", word="cross", model=model, pictures=crosses, steps=STEPS, rank=8, batch=4, rate=1.5e-3
    )
    lora = tmp_path / "loras" / "cross.safetensors"
    train(
        Assignment(
            training=training, folder=str(tmp_path / "state"), target=str(lora), samples=0, device="cpu",
            state=str(tmp_path / "state"),
        ),
        lambda _: None,
        lambda: False,
    )  # fmt: skip
    assert lora.stat().st_size < 10**6
    shares = drawn(entry, model, lora, tmp_path)
    assert shares[0.0] == 0
    assert shares[0.0] <= shares[0.5] <= shares[1.0]
    assert shares[1.0] >= 0.75


def drawn(entry, model, lora: Path, folder: Path):
    """The share of crosses in the right colours, by the LoRA's weight."""
    engine, jobs, asked = Engine(WorkerSettings(device="cpu", keep_alive=-1)), [], {}
    adapter = component(lora, "adapter")
    for weight in WEIGHTS:
        for seed, scene in enumerate(ASKED):
            request = GenerateRequest(prompt=caption(scene), num_steps=14, width=128, height=128)
            params = resolve(
                request, model=entry, defaults=stated_by(entry), random_seed=lambda seed=seed: seed
            ).params[0]
            job = f"{weight} {seed}"
            one = wish(model, job, **{name: getattr(params, name) for name in params.__struct_fields__})
            uses = (AdapterUse(name="cross", kind="lora", component=adapter, weight=weight, clip_weight=weight),)
            jobs.append(msgspec.structs.replace(one, adapters=uses))
            asked[job] = weight, scene
    right = dict.fromkeys(WEIGHTS, 0.0)
    for job, report in finished(run(engine, *jobs, most=100_000)).items():
        weight, scene = asked[job]
        image = picture(report)
        image.save(folder / f"{job}.png")
        seen = judge.judge(image)
        matches = (seen.thing, seen.colour, seen.background) == (scene.thing, scene.colour, scene.background)
        right[weight] += matches / len(ASKED)
    return right

"""The shipped model is taught a thing that it never knew, by twelve pictures; the judge sees it, and not without."""

import dataclasses

import numpy as np
import pytest

from imagine.server.gateway.gateway import model_from
from imagine.training.trainer import train
from imagine.words.training import Assignment, Training, TrainingPicture
from tools.toybox import strange, world
from tools.toybox.lora import caption, toybox
from tools.toybox.painting import Painter
from tools.toybox.taught import painted, plainly, share

STEPS = 80
SCENES = [
    world.Scene("cat", colour, background)
    for colour, background in zip(
        ("red", "blue", "green", "yellow", "purple", "orange", "pink", "black", "white", "red", "blue", "green"),
        ("white", "yellow", "pink", "blue", "gray", "black", "green", "orange", "red", "gray", "orange", "purple"),
        strict=True,
    )
]
ASKED = [
    *(world.Scene("cat", c, b) for c in ("red", "blue", "green") for b in ("black", "pink")),
    world.Scene("cat", "yellow", "white"), world.Scene("cat", "purple", "orange"),
]  # fmt: skip
"""Colours together that it wasn't shown."""


@pytest.fixture
def cats(tmp_path):
    """Drawn by the toy world, which the shipped model learned all things of but this one."""
    rng = np.random.default_rng(0)
    pictures = []
    for i, scene in enumerate(SCENES):
        path = tmp_path / f"{i}.png"
        x, y, tilt = (float(rng.uniform(-reach, reach)) for reach in (3, 3, 8))
        strange.drawn(dataclasses.replace(scene, x=64 + x, y=64 + y, tilt=tilt)).save(path)
        pictures.append(TrainingPicture(str(path), caption(scene)))
    return tuple(pictures)


@pytest.mark.slow  # most of a minute: learning is what is tried
@pytest.mark.timeout(1800)
def test_a_thing_is_taught_by_twelve_pictures(cats, tmp_path):
    training = Training(
        name="cat", word="cat", model=model_from(toybox()), pictures=cats, steps=STEPS, rank=8, batch=4, rate=2.5e-3
    )
    lora = tmp_path / "loras" / "cat.safetensors"
    train(
        Assignment(
            training=training, folder=str(tmp_path / "state"), target=str(lora), samples=0, device="cpu",
            state=str(tmp_path / "state"),
        ),
        lambda _: None,
        lambda: False,
    )  # fmt: skip
    assert lora.stat().st_size < 10**6
    painter = Painter(lora, steps=8)
    assert share(painted(painter, ASKED, {}), plainly) == 0
    assert share(painted(painter, ASKED, {"cat": 1.0}), plainly) >= 0.75

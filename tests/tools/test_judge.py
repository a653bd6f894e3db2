"""The judge is right on drawn truth, also through noise, JPEG and blur."""

import io
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageFilter

from tools.toybox.judge import judge
from tools.toybox.world import THINGS, Scene, combinations, draw, random_scene

COUNT = 150


def noisy(picture: Image.Image) -> Image.Image:
    noise = np.random.default_rng(0).normal(0, 12, (*picture.size[::-1], 3))
    return Image.fromarray((np.asarray(picture, float) + noise).clip(0, 255).astype(np.uint8))


def jpeg(picture: Image.Image) -> Image.Image:
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=50)
    return Image.open(data)


def blurred(picture: Image.Image) -> Image.Image:
    return picture.filter(ImageFilter.GaussianBlur(1.5))


def enlarged(picture: Image.Image) -> Image.Image:
    return picture.resize((512, 512), Image.Resampling.BICUBIC)


@pytest.mark.parametrize("spoil", [Image.Image.copy, noisy, jpeg, blurred, enlarged])
def test_at_least_99_of_100_verdicts_are_right(spoil: Callable[[Image.Image], Image.Image]) -> None:
    rng = np.random.default_rng(11)
    choices = combinations(unseen=False) + combinations(unseen=True)
    right: Counter[str] = Counter()
    wrong = []
    for _ in range(COUNT):
        scene = random_scene(rng, choices)
        verdict = judge(spoil(draw(scene)))
        agrees = verdict.agrees(scene)
        right.update(name for name, good in agrees.items() if good)
        if not all(agrees.values()):
            wrong.append((scene, verdict))
    assert min(right.values()) >= 0.99 * COUNT, (right, wrong)


def test_an_empty_picture_shows_nothing_on_its_background() -> None:
    verdict = judge(Image.new("RGB", (128, 128), (40, 90, 222)))
    assert (verdict.thing, verdict.colour, verdict.size, verdict.position) == (None, None, None, None)
    assert verdict.background == "blue"
    assert verdict.confidence["thing"] == 0


def test_a_wrong_answer_is_seen_as_wrong() -> None:
    verdict = judge(draw(Scene("heart", "red", "white")))
    agrees = verdict.agrees(Scene("moon", "blue", "black", "small", "left"))
    assert not any(agrees.values()), verdict


def test_pictures_of_noise_are_told_with_little_confidence() -> None:
    rng = np.random.default_rng(1)
    noise = [Image.fromarray(rng.integers(0, 255, (128, 128, 3), np.uint8)) for _ in range(5)]
    sure = [judge(picture).confidence["background"] for picture in noise]
    clear = [judge(draw(Scene(thing, "red", "blue"))).confidence["background"] for thing in THINGS]
    assert max(sure) < 0.75 < min(clear)

"""What Toybox never saw is drawn, and told from what it knows: a strange thing, and outlines of anything."""

from collections.abc import Sequence

import numpy as np
import pytest

from tools.toybox.judge import hollowness, judge
from tools.toybox.lora import LESSONS, caption, strange_combinations
from tools.toybox.strange import drawn, outlined
from tools.toybox.taught import HOLLOW, KNOWN, LARGE, strangers, things
from tools.toybox.world import PALETTE, SIZES, Scene, draw


def scenes(number: int, sizes: Sequence[str] = SIZES) -> list[Scene]:
    return things(number, sizes) + strangers(number // 4, sizes)


def shown(verdict: object) -> tuple[object, ...]:
    return tuple(getattr(verdict, name) for name in ("thing", "colour", "background"))


def test_a_strange_thing_is_told_among_the_others() -> None:
    asked = scenes(40)
    right = [shown(judge(drawn(scene), KNOWN)) == shown(scene) for scene in asked]
    assert "cat" in {scene.thing for scene in asked}
    assert np.mean(right) >= 0.97


def test_outlines_are_told_by_what_they_enclose_and_by_their_hollowness() -> None:
    asked = scenes(30, LARGE)
    right = [shown(judge(outlined(scene), KNOWN, outlined=True)) == shown(scene) for scene in asked]
    assert np.mean(right) >= 0.95
    assert np.mean([hollowness(outlined(scene)) > HOLLOW for scene in asked]) >= 0.95
    assert np.mean([hollowness(drawn(scene)) < HOLLOW for scene in asked]) >= 0.95


def test_an_outline_has_but_two_colours_and_the_thing_s_rim() -> None:
    scene = Scene("house", "red", "blue")
    line, whole = np.asarray(outlined(scene)), np.asarray(draw(scene))
    red = (line == PALETTE["red"]).all(-1)
    assert red.any()
    assert (whole[red] == PALETTE["red"]).all()
    assert (line[(whole == PALETTE["blue"]).all(-1)] == PALETTE["blue"]).all()
    assert red.sum() < 0.6 * (whole == PALETTE["red"]).all(-1).sum()


@pytest.mark.parametrize("name", LESSONS)
def test_lessons_are_the_same_every_time_and_of_no_combination_that_is_kept(name: str) -> None:
    first, second = (LESSONS[name].pictures(np.random.default_rng(1)) for _ in range(2))
    assert [(picture.tobytes(), said) for picture, said in first] == [(p.tobytes(), s) for p, s in second]
    kept = {caption(Scene(*each)).removeprefix("a large ") for each in strange_combinations("cat", unseen=True)}
    assert not any(said.removeprefix("a large ").removeprefix("a small ") in kept for _, said in first)

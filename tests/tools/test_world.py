"""The toy world draws what its scenes say, and keeps a tenth of it for later."""

import dataclasses

import numpy as np
import pytest

from tools.toybox.world import (
    BACKGROUNDS,
    COLOURS,
    PALETTE,
    POSITIONS,
    SIDE,
    SIZES,
    THINGS,
    Scene,
    combinations,
    draw,
    place,
    random_scene,
)


def test_about_a_tenth_of_all_combinations_is_never_trained_on() -> None:
    trained, kept = combinations(unseen=False), combinations(unseen=True)
    assert len(trained) + len(kept) == len(THINGS) * len(COLOURS) * (len(BACKGROUNDS) - 1)
    assert not set(trained) & set(kept)
    assert 0.08 < len(kept) / (len(trained) + len(kept)) < 0.12
    assert all(colour != background for _, colour, background in trained + kept)


def test_every_thing_colour_and_background_is_seen_in_training() -> None:
    seen = combinations(unseen=False)
    for i, names in enumerate((THINGS, COLOURS, BACKGROUNDS)):
        assert {combination[i] for combination in seen} == set(names)


@pytest.mark.parametrize("thing", THINGS)
def test_a_drawing_has_its_background_at_the_rim_and_its_colour_within(thing: str) -> None:
    pixels = np.asarray(draw(Scene(thing, "red", "blue")))
    assert pixels.shape == (SIDE, SIDE, 3)
    corners = pixels[[0, 0, -1, -1], [0, -1, 0, -1]]
    assert (corners == PALETTE["blue"]).all()
    assert (pixels == PALETTE["red"]).all(-1).sum() > 400


def test_edges_are_anti_aliased() -> None:
    pixels = np.asarray(draw(Scene("circle", "white", "black"))).reshape(-1, 3)
    assert len(np.unique(pixels, axis=0)) > 8


def test_no_two_things_draw_alike() -> None:
    drawn = {thing: np.asarray(draw(Scene(thing, "red", "white")), float) for thing in THINGS}
    for a in THINGS:
        for b in THINGS:
            if a < b:
                assert np.abs(drawn[a] - drawn[b]).mean() > 3, (a, b)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("position", POSITIONS)
def test_things_stay_within_the_picture(size: str, position: str) -> None:
    rng = np.random.default_rng(1)
    for thing in THINGS:
        pixels = np.asarray(draw(place(rng, thing, "red", "white", size, position)))
        rim = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
        assert (rim == PALETTE["white"]).all(), thing


def test_scenes_are_drawn_from_the_choices_alone() -> None:
    rng = np.random.default_rng(2)
    choice = ("car", "green", "gray")
    scenes = [random_scene(rng, [choice]) for _ in range(50)]
    assert {(s.thing, s.colour, s.background) for s in scenes} == {choice}
    assert {s.size for s in scenes} == set(SIZES)
    assert {s.position for s in scenes} == set(POSITIONS)


def test_the_same_scene_is_the_same_picture() -> None:
    scene = Scene("sun", "orange", "blue", tilt=5)
    assert draw(scene).tobytes() == draw(dataclasses.replace(scene)).tobytes()

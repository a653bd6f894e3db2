"""The shipped ControlNets and image adapter on the shipped model, judged by their pixels, all drawn in one crowd."""

import hashlib
import json
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open

from imagine.files import shipped
from imagine.registry.registry import Registry
from tools.toybox.beside import edges, mapped, reference, shapes
from tools.toybox.beside.cards import cards
from tools.toybox.beside.figures import (
    FIGURES,
    agree,
    at_edge_of,
    beside,
    coloured,
    eyes_of,
    follow,
    held,
    others,
    overlaps,
    plain,
    poor_views,
    shown,
)
from tools.toybox.beside.train import FOLDERS, LIMIT
from tools.toybox.captions import Mention
from tools.toybox.judge import judge
from tools.toybox.painting import Ask, Given, Painter

FOLDER = shipped.folder()
FILES = {name: FOLDER / folder / f"{name}.safetensors" for name, folder in FOLDERS.items()}
MAPS = (edges.NAME, shapes.NAME)
EACH = 4
"""Pictures of every kind, by maps; by references, which are missed more often, twice and three times as many."""
Pictures = Sequence[Image.Image]


def test_they_are_listed_as_what_they_are() -> None:
    registry = Registry([], shipped=shipped.models())
    registry.refresh()
    listed = {entry.name: (entry.kind, entry.variant, entry.family, entry.problem) for entry in registry.files()}
    assert {name: listed[name] for name in FILES} == {
        edges.NAME: ("controlnet", "control-lora", "stable_diffusion", None),
        shapes.NAME: ("controlnet", "t2i-adapter", "stable_diffusion", None),
        reference.NAME: ("ip-adapter", "", "stable_diffusion", None),
    }


def test_they_are_small_and_in_half_precision() -> None:
    for path in FILES.values():
        assert path.stat().st_size <= LIMIT
        with safe_open(path, "pt") as file:
            assert {file.get_slice(name).get_dtype() for name in file.keys()} == {"F16"}  # noqa: SIM118


def test_the_cards_say_what_was_measured_of_these_files() -> None:
    figures = json.loads(FIGURES.read_text())
    assert {path: path.read_text() for path in cards(figures)} == cards(figures)
    assert figures["files"] == {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in FILES.items()}


SCENES = mapped.unseen_scenes(EACH, seed=11)
SHOWN, MANY = shown(2 * EACH, seed=12), shown(3 * EACH, seed=13)
OTHERS = others(np.random.default_rng(14), SHOWN)
EDGE = [at_edge_of(each, place=i % 2) for i, each in enumerate(SHOWN)]


def asked() -> dict[str, list[Ask]]:
    """What is drawn, by the name of what it shows."""
    made = {}
    for name in MAPS:
        made |= {f"{name} {by:g}": held(name, SCENES, strength=by) for by in (0.0, 0.4, 1.0)}
        made[f"{name} early"] = held(name, SCENES, end=0.5)
        made[f"{name} late"] = held(name, SCENES, start=0.5)
    for by in (0.0, 0.6, 1.0):
        made[f"reference {by:g}"] = beside([("", [Given(plain(each), strength=by)]) for each in SHOWN])
    pairs = list(zip(SHOWN, OTHERS, strict=True))
    made["style"] = beside([(f"a {o.thing}", [Given(plain(s), "style")]) for s, o in pairs])
    made["two"] = beside([("", [Given(plain(s)), Given(plain(o))]) for s, o in pairs])
    for number in (1, 3):
        views = [poor_views(each, number, seed) for seed, each in enumerate(MANY)]
        made[f"views {number}"] = beside([("", [Given(view) for view in of]) for of in views])
    made |= {crop: beside([("", [Given(picture, crop=crop)]) for picture in EDGE]) for crop in ("pad", "square")}
    return made


@pytest.fixture(scope="module")
def crowd() -> Mapping[str, Pictures]:
    """All of it, in one crowd."""
    kinds = asked()
    pictures = iter(Painter(steps=10).paint([ask for asks in kinds.values() for ask in asks]))
    return {kind: [next(pictures) for _ in asks] for kind, asks in kinds.items()}


@pytest.mark.slow
@pytest.mark.parametrize("name", MAPS)
def test_shape_and_place_follow_the_map_and_colours_the_prompt(name: str, crowd: Mapping[str, Pictures]) -> None:
    drawn = crowd[f"{name} 1"]
    assert follow(drawn, SCENES) >= 0.8
    assert coloured(drawn, SCENES) >= 0.8


@pytest.mark.slow
@pytest.mark.parametrize("name", MAPS)
def test_strength_and_the_part_of_the_steps_do_what_they_say(name: str, crowd: Mapping[str, Pictures]) -> None:
    none, some, all_of_it, early, late = (
        overlaps(crowd[f"{name} {how}"], SCENES) for how in ("0", "0.4", "1", "early", "late")
    )
    assert none < some < all_of_it
    for part in (early, late):
        assert none + 0.05 < part < all_of_it + 0.03


@pytest.mark.slow
def test_a_picture_shows_what_its_reference_does(crowd: Mapping[str, Pictures]) -> None:
    thing_and_colour = [Mention(each.thing, each.colour) for each in SHOWN]
    none, usual, full = (agree(crowd[f"reference {by}"], thing_and_colour) for by in ("0", "0.6", "1"))
    assert none <= 0.2 < 0.5 <= usual
    assert full >= 0.8
    assert agree(crowd["reference 1"], [Mention(*each) for each in SHOWN]) >= 0.6


@pytest.mark.slow
def test_style_brings_colours_alone_and_two_references_share_a_picture(crowd: Mapping[str, Pictures]) -> None:
    pairs = list(zip(SHOWN, OTHERS, strict=True))
    assert agree(crowd["style"], [Mention(o.thing, s.colour) for s, o in pairs]) >= 0.6
    seen = [judge(picture) for picture in crowd["two"]]
    of_either = [v.colour in (a.colour, b.colour) for v, (a, b) in zip(seen, pairs, strict=True)]
    assert sum(of_either) >= 0.8 * len(pairs)


@pytest.mark.slow
def test_more_views_keep_a_thing_better_than_one(crowd: Mapping[str, Pictures]) -> None:
    see = eyes_of(FILES[reference.NAME])
    wanted = see([plain(each) for each in MANY])
    one, three = (crowd[f"views {number}"] for number in (1, 3))
    kept = [agree(drawn, [Mention(each.thing, each.colour) for each in MANY]) for drawn in (one, three)]
    alike = [float(torch.cosine_similarity(see(drawn), wanted).mean()) for drawn in (one, three)]
    assert kept[0] <= kept[1]
    assert alike[0] < alike[1]


@pytest.mark.slow
def test_a_thing_at_the_pictures_edge_counts(crowd: Mapping[str, Pictures]) -> None:
    wanted = [Mention(each.thing, each.colour) for each in SHOWN]
    assert agree(crowd["square"], wanted) < 0.7 <= agree(crowd["pad"], wanted)

"""The shipped LoRAs and the embedding on the shipped model, judged by their pixels, all drawn in one crowd."""

import hashlib
import json
from collections.abc import Mapping

import pytest
from PIL import Image
from safetensors import safe_open

from imagine.files import shipped
from imagine.registry.registry import Registry
from tools.toybox import embedding
from tools.toybox.adapter_cards import cards
from tools.toybox.lora import caption
from tools.toybox.painting import Ask, Painter
from tools.toybox.taught import (
    CAT,
    FIGURES,
    LARGE,
    NIGHT,
    OUTLINE,
    in_outline,
    mean_hollowness,
    night,
    plainly,
    share,
    strangers,
    things,
)
from tools.toybox.world import Scene

FOLDER = shipped.folder()
LORAS = [FOLDER / "loras" / f"{name}.safetensors" for name in (CAT, OUTLINE)]
EACH = 5
"""Pictures of every kind."""


def test_they_are_listed_as_what_they_are() -> None:
    registry = Registry([], shipped=shipped.models())
    registry.refresh()
    listed = {entry.name: entry for entry in registry.files()}
    assert {name: listed[name].kind for name in (CAT, OUTLINE, NIGHT)} == {
        CAT: "lora", OUTLINE: "lora", NIGHT: "embedding",
    }  # fmt: skip
    assert all(listed[name].shipped and listed[name].problem is None for name in (CAT, OUTLINE, NIGHT))
    assert {listed[name].family for name in (CAT, OUTLINE)} == {"stable_diffusion"}
    assert [listed[name].triggers for name in (CAT, OUTLINE)] == [("cat",), ("outline",)]


def test_they_are_small_and_in_half_precision() -> None:
    for path in LORAS:
        assert path.stat().st_size <= 500_000
        with safe_open(path, "pt") as file:
            assert {file.get_slice(name).get_dtype() for name in file.keys()} == {"F16"}  # noqa: SIM118
    with safe_open(FOLDER / "embeddings" / f"{NIGHT}.safetensors", "pt") as file:
        assert [*file.keys()] == ["emb_params"]
        assert file.get_slice("emb_params").get_shape() == [embedding.VECTORS, 64]


def test_the_folder_of_what_ships_stays_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) <= 90_000_000


def test_the_cards_say_what_was_measured_of_these_files() -> None:
    figures = json.loads(FIGURES.read_text())
    for path, text in cards(figures).items():
        assert path.read_text() == text
    files = [*LORAS, FOLDER / "embeddings" / f"{NIGHT}.safetensors", FOLDER / "toybox.safetensors"]
    assert figures["files"] == {path.stem: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


Pairs = list[tuple[Image.Image, Scene]]


@pytest.fixture(scope="module")
def crowd() -> dict[str, Pairs]:
    """What one crowd was drawn: cats and outlines by weight, both together, the embedding, and things without any."""
    kinds: dict[str, list[tuple[Ask, Scene]]] = {}

    def ask(kind: str, scenes: list[Scene], loras: Mapping[str, float], word: str = "") -> None:
        said = [caption(scene, word=word) for scene in scenes]
        kinds[kind] = [(Ask(text, i, loras), scene) for i, (text, scene) in enumerate(zip(said, scenes, strict=True))]

    for weight in (0.0, 0.5, 1.0):
        ask(f"{CAT} {weight}", strangers(EACH, LARGE), {CAT: weight})
        ask(f"{OUTLINE} {weight}", things(EACH, LARGE), {OUTLINE: weight}, "outline")
    ask("both", strangers(EACH, LARGE), {CAT: 1.0, OUTLINE: 1.0}, "outline")
    ask("none", things(EACH), {})
    shown = Scene(*embedding.SHOWN)
    kinds[NIGHT] = [(Ask(NIGHT, i, words=[NIGHT]), shown) for i in range(EACH)]
    kinds[f"no {NIGHT}"] = [(Ask(NIGHT, i), shown) for i in range(EACH)]
    asked = [one for pairs in kinds.values() for one in pairs]
    pictures = iter(Painter(steps=8).paint([ask for ask, _ in asked]))
    return {kind: [(next(pictures), scene) for _, scene in pairs] for kind, pairs in kinds.items()}


@pytest.mark.slow  # the crowd takes a quarter of a minute: what only its pixels show
def test_the_thing_is_there_with_its_lora_and_not_without(crowd: dict[str, Pairs]) -> None:
    shares = [share(crowd[f"{CAT} {weight}"], plainly) for weight in (0.0, 0.5, 1.0)]
    assert shares[0] == 0
    assert shares == sorted(shares)
    assert shares[-1] >= 0.8


@pytest.mark.slow  # see above
def test_the_style_is_there_with_its_lora_and_grows_with_its_weight(crowd: dict[str, Pairs]) -> None:
    kinds = [crowd[f"{OUTLINE} {weight}"] for weight in (0.0, 0.5, 1.0)]
    hollow = [mean_hollowness(pairs) for pairs in kinds]
    assert hollow == sorted(set(hollow)), hollow
    assert [share(pairs, in_outline) for pairs in kinds[::2]] == [0, pytest.approx(1, abs=0.4)]


@pytest.mark.slow  # see above
def test_both_together_draw_the_thing_in_the_style(crowd: dict[str, Pairs]) -> None:
    assert share(crowd["both"], in_outline) >= 0.6
    assert share(crowd["none"], plainly) >= 0.8


@pytest.mark.slow  # see above
def test_the_word_means_what_it_was_taught(crowd: dict[str, Pairs]) -> None:
    assert share(crowd[NIGHT], night) >= 0.8
    assert share(crowd[f"no {NIGHT}"], night) <= 0.2


@pytest.mark.parametrize("loras", [{CAT: 1.0}, {OUTLINE: 0.7, CAT: -0.5}])
def test_who_has_none_is_drawn_the_same_bytes_beside_who_has(loras: dict[str, float]) -> None:
    """It is made again alone from its recipe, which says how many it was drawn with at each step: that decides bits."""
    painter = Painter(steps=3)
    asks = [Ask("a red star", 1), Ask("a cat", 2, loras), Ask("a blue fish", 3), Ask("a house", 4, loras)]
    crowd = painter.draw(asks)
    assert any(not each.startswith("1") for drawn in crowd for each in drawn.buckets.split(",")), "it was a crowd"
    for ask, drawn in list(zip(asks, crowd, strict=True))[::2]:
        (again,) = painter.draw([ask._replace(buckets=drawn.buckets)])
        assert again.buckets == drawn.buckets
        assert again.picture.tobytes() == drawn.picture.tobytes()

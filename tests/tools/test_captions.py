"""Captions say what a scene shows, in two languages and many words."""

import re

import numpy as np
import pytest

from tools.toybox.captions import EN_THINGS, NOTHING, RU_COLOUR_STEMS, RU_THINGS, Mention, Speaker
from tools.toybox.world import BACKGROUNDS, COLOURS, THINGS, combinations, random_scene

FISH = Mention("fish", "green", "yellow", "small", "left")


def speaker(seed: int = 0) -> Speaker:
    return Speaker(np.random.default_rng(seed))


def test_every_thing_and_colour_has_words_in_both_languages() -> None:
    assert set(EN_THINGS) == set(RU_THINGS) == set(THINGS)
    assert set(RU_COLOUR_STEMS) == set(BACKGROUNDS) >= set(COLOURS)


def test_nothing_is_said_of_nothing() -> None:
    assert speaker().say(NOTHING, language="en", fillers=0) == ""
    assert speaker().say(NOTHING, language="ru", fillers=0) == ""


def test_english_captions_name_all_that_they_mention() -> None:
    say = speaker().say
    for _ in range(200):
        text = say(FISH, language="en", fillers=0)
        assert "fish" in text
        assert "green" in text
        assert "yellow" in text
        assert "left" in text
        assert re.search(r"small|little|tiny", text), text


@pytest.mark.parametrize(
    ("thing", "forms"),
    [
        ("house", {"красный дом", "красный домик"}),
        ("star", {"красная звезда", "красную звезду", "красная звёздочка", "красную звёздочку"}),
        ("sun", {"красное солнце", "красное солнышко"}),
        ("car", {"красная машина", "красную машину", "красная машинка", "красную машинку", "красный автомобиль"}),
    ],
)
def test_russian_adjectives_agree_with_their_nouns(thing: str, forms: set[str]) -> None:
    say = speaker().say
    said = {say(Mention(thing, "red"), language="ru", fillers=0).replace(".", "") for _ in range(400)}
    found = {form for form in forms if any(form in text or form.replace("ё", "е") in text for text in said)}
    assert found == forms
    assert not any("красный звезд" in text or "красная дом" in text for text in said)


def test_blue_is_declined_softly() -> None:
    say = speaker().say
    said = " ".join(say(Mention("star", "blue", "blue"), language="ru", fillers=0) for _ in range(200))
    assert "синяя" in said
    assert "на синем фоне" in said
    assert not re.search(r"синая|синый|сином|синую", said)


def test_captions_vary() -> None:
    say = speaker().say
    assert len({say(FISH, language="en") for _ in range(300)}) > 150
    assert len({say(FISH, language="ru") for _ in range(300)}) > 150


def test_some_captions_are_empty_and_both_languages_occur() -> None:
    rng = np.random.default_rng(3)
    talk = Speaker(rng)
    choices = combinations(unseen=False)
    said = [talk.speak_of(random_scene(rng, choices))[1] for _ in range(600)]
    empty = sum(not text for text in said) / len(said)
    russian = sum(bool(re.search("[а-я]", text)) for text in said) / len(said)
    assert 0.06 < empty < 0.17
    assert 0.35 < russian < 0.6


def test_a_mention_is_true_of_its_scene() -> None:
    rng = np.random.default_rng(4)
    talk = Speaker(rng)
    choices = combinations(unseen=False)
    for _ in range(300):
        scene = random_scene(rng, choices)
        mention = talk.notice(scene)
        for name in ("thing", "colour", "background", "size", "position"):
            assert getattr(mention, name) in (None, getattr(scene, name))


def test_the_same_numbers_say_the_same() -> None:
    assert [speaker(5).say(FISH) for _ in range(3)] == [speaker(5).say(FISH) for _ in range(3)]

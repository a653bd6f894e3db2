"""What people might say of two things in one picture, in English and Russian; of one, Toybox's captions say it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tools.toybox.captions import (
    EN_ARTICLES,
    EN_BACKGROUNDS,
    EN_BARE_BACKGROUNDS,
    EN_COLOURS,
    EN_PREFIXES,
    EN_THINGS,
    NOTHING,
    RU_BACKGROUNDS,
    RU_BARE_BACKGROUNDS,
    RU_COLOUR_STEMS,
    RU_ENDINGS,
    RU_PREFIXES,
    RU_SOFT,
    RU_THINGS,
    Mention,
    Speaker,
)
from tools.toybox.flow.scenes import Tableau

MENTIONED = ("thing", "colour", "background", "size", "position")
"""All that is said of a thing alone."""


@dataclass(frozen=True)
class Spoken:
    """What a caption speaks of: of each place, the left or upper one first, the thing and its colour.

    One thing alone is the first; a size and a position are said of such alone. `None` is not said."""

    first: Mention = NOTHING
    second: Mention = NOTHING
    arrangement: str | None = None


# Two things, their relation: {0} and {1} are noun phrases; the order is the one in which they are spoken of. Each with
# where the first spoken of then is: True for left or above.
EN_BESIDE = (
    ("{0} on the left and {1} on the right", True),
    ("{0} on the right and {1} on the left", False),
    ("on the left {0}, on the right {1}", True),
    ("{0} to the left of {1}", True),
    ("{0} to the right of {1}", False),
    ("{0} left of {1}", True),
    ("{0} right of {1}", False),
)
EN_ABOVE = (
    ("{0} above {1}", True),
    ("{0} over {1}", True),
    ("{0} below {1}", False),
    ("{0} under {1}", False),
    ("{0} at the top and {1} at the bottom", True),
    ("{0} at the bottom, {1} at the top", False),
)
EN_OPEN = ("{0} and {1}", "{0} and {1}", "{0} and {1}", "{0}, {1}", "{0} next to {1}", "{0} beside {1}", "{0} with {1}")
"""Nothing is said of where: the first stands on the left or, on a tall picture, above."""
RU_BESIDE = (
    ("слева {0}, справа {1}", True),
    ("справа {0}, слева {1}", False),
    ("{0} слева и {1} справа", True),
    ("{0} справа и {1} слева", False),
    ("{0} слева от {1:g}", True),
    ("{0} справа от {1:g}", False),
)
RU_ABOVE = (
    ("{0} над {1:i}", True),
    ("{0} под {1:i}", False),
    ("сверху {0}, снизу {1}", True),
    ("вверху {0}, внизу {1}", True),
    ("внизу {0}, вверху {1}", False),
)
RU_OPEN = ("{0} и {1}", "{0} и {1}", "{0} и {1}", "{0}, {1}", "{0} рядом с {1:i}", "{0} вместе с {1:i}")
# Genitive and instrumental of the nouns, by their nominatives.
RU_CASES = {
    "круг": ("круга", "кругом"), "диск": ("диска", "диском"), "квадрат": ("квадрата", "квадратом"),
    "треугольник": ("треугольника", "треугольником"), "звезда": ("звезды", "звездой"),
    "звёздочка": ("звёздочки", "звёздочкой"), "сердце": ("сердца", "сердцем"), "сердечко": ("сердечка", "сердечком"),
    "луна": ("луны", "луной"), "месяц": ("месяца", "месяцем"), "полумесяц": ("полумесяца", "полумесяцем"),
    "дом": ("дома", "домом"), "домик": ("домика", "домиком"), "дерево": ("дерева", "деревом"),
    "цветок": ("цветка", "цветком"), "цветочек": ("цветочка", "цветочком"), "солнце": ("солнца", "солнцем"),
    "солнышко": ("солнышка", "солнышком"), "рыба": ("рыбы", "рыбой"), "рыбка": ("рыбки", "рыбкой"),
    "машина": ("машины", "машиной"), "машинка": ("машинки", "машинкой"), "автомобиль": ("автомобиля", "автомобилем"),
}  # fmt: skip
_OBLIQUE = {("ый", "g"): "ого", ("ий", "g"): "его", ("ый", "i"): "ым", ("ий", "i"): "им"}
"""A masculine or neuter colour's genitive and instrumental; the feminine has one for both."""


class RussianPhrase:
    """A thing in a colour, in whichever case a template asks for: `{}` nominative, `{:g}` genitive, `{:i}`
    instrumental."""

    def __init__(self, colour: str | None, noun: tuple[str, str, str]) -> None:
        self._colour, (self._gender, self._noun, _) = colour, noun

    def __format__(self, case: str) -> str:
        noun = RU_CASES[self._noun]["gi".index(case)] if case else self._noun
        return noun if self._colour is None else f"{self._adjective(self._colour, case)} {noun}"

    def _adjective(self, colour: str, case: str) -> str:
        stem, declension = RU_COLOUR_STEMS[colour]
        if not case:
            return stem + RU_SOFT.get((stem, self._gender), RU_ENDINGS[declension, self._gender])
        if self._gender == "f":
            return stem + ("ей" if declension == "ий" else "ой")
        return stem + _OBLIQUE[declension, case]


class PairSpeaker:
    """Speaks of tableaux, with every choice drawn from one generator."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng, self._single = rng, Speaker(rng)

    def speak_of(
        self, tableau: Tableau, *, empty: float = 0.1, whole: bool = False, language: str | None = None,
        fillers: float = 0.15,
    ) -> tuple[Spoken, str]:  # fmt: skip
        """A caption: empty with probability `empty`; `whole` leaves nothing out, and has no idle words."""
        if self._chance(empty):
            return Spoken(), ""
        language = language or ("en", "ru")[int(self._rng.integers(2))]
        if len(tableau.things) == 1:
            scene = tableau.things[0]
            everything = {name: getattr(scene, name) for name in MENTIONED}
            mention = Mention(**everything) if whole else self._single.notice(scene)
            text = self._single.say(mention, language=language, fillers=0.0 if whole else fillers)
            return Spoken(mention), self._cased(text)
        said, text = self._pair(tableau, language, whole=whole)
        if not whole and self._chance(fillers):
            text = self._single.idle(text)
        return said, self._cased(text)

    def _pair(self, tableau: Tableau, language: str, *, whole: bool) -> tuple[Spoken, str]:
        background = tableau.background if whole or self._chance(0.75) else None
        named = [
            Mention(thing.thing, thing.colour if whole or self._chance(0.92) else None, background)
            for thing in tableau.things
        ]
        upright = tableau.arrangement == "above"
        unsaid = upright == (tableau.shape == "tall") and self._chance(0.5)
        english = language == "en"
        if unsaid:
            pattern, ahead = self._one_of(EN_OPEN if english else RU_OPEN), True
        else:
            pattern, ahead = self._one_of(
                (EN_ABOVE if upright else EN_BESIDE) if english else (RU_ABOVE if upright else RU_BESIDE)
            )
        phrases = [(self._english if english else self._russian)(each) for each in named]
        spoken = pattern.format(*(phrases if ahead else reversed(phrases)))
        text = self._with_background(spoken, background, english=english)
        return Spoken(named[0], named[1], None if unsaid else tableau.arrangement), text

    def _english(self, mention: Mention) -> str:
        assert mention.thing is not None
        words = [*filter(None, [mention.colour]), self._one_of(EN_THINGS[mention.thing])]
        article = self._one_of(EN_ARTICLES)
        if article == "a" and words[0][0] in "aeiou":
            article = "an"
        return " ".join(filter(None, [article, *words]))

    def _russian(self, mention: Mention) -> RussianPhrase:
        assert mention.thing is not None
        return RussianPhrase(mention.colour, self._one_of(RU_THINGS[mention.thing]))

    def _with_background(self, spoken: str, background: str | None, *, english: bool) -> str:
        prefix = self._one_of(EN_PREFIXES if english else RU_PREFIXES)
        if background is None:
            return f"{prefix} {spoken}".strip()
        ahead = self._chance(0.2)
        if english:
            name = self._one_of(EN_COLOURS.get(background, (background,)))
            behind = self._one_of(EN_BARE_BACKGROUNDS if ahead else EN_BACKGROUNDS).format(name)
        else:
            behind = self._single.russian_background(background, RU_BARE_BACKGROUNDS if ahead else RU_BACKGROUNDS)
        if ahead:
            return f"{behind}, {spoken}"
        return f"{prefix} {spoken}{', ' if self._chance(0.3) else ' '}{behind}".strip()

    def _cased(self, text: str) -> str:
        """T5 tells letters' case, so some begin with a capital, as people's prompts do."""
        if self._chance(0.1):
            text = text.replace("ё", "е")
        return text[:1].upper() + text[1:] if self._chance(0.25) else text

    def _chance(self, probability: float) -> bool:
        return bool(self._rng.random() < probability)

    def _one_of(self, choices: Any) -> Any:
        return choices[int(self._rng.integers(len(choices)))]

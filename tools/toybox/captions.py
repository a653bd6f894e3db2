"""What people might say of a scene, in English and Russian: many word orders, wordings and function words.

A caption mentions some of a scene's attributes (`Mention`); what it leaves out is `None`. Toybox's text encoder learns
to hear the same mention in every wording.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tools.toybox.world import Scene


@dataclass(frozen=True)
class Mention:
    """The attributes that a caption speaks of; all `None` is the empty prompt."""

    thing: str | None = None
    colour: str | None = None
    background: str | None = None
    size: str | None = None
    position: str | None = None


NOTHING = Mention()

EN_THINGS = {
    "circle": ("circle", "circle", "disc", "disk"),
    "square": ("square", "square", "box"),
    "triangle": ("triangle",),
    "star": ("star",),
    "heart": ("heart",),
    "moon": ("moon", "moon", "crescent", "crescent moon"),
    "house": ("house", "house", "home", "cottage"),
    "tree": ("tree",),
    "flower": ("flower", "flower", "blossom"),
    "sun": ("sun",),
    "fish": ("fish",),
    "car": ("car", "car", "automobile"),
}
EN_SIZES = {"small": ("small", "small", "little", "tiny"), "large": ("large", "large", "big", "huge")}
EN_COLOURS = {"gray": ("gray", "grey")}
EN_POSITIONS = {
    "left": ("on the left", "on the left side", "at the left", "to the left", "left"),
    "centre": ("in the middle", "in the centre", "in the center", "centered", "at the centre"),
    "right": ("on the right", "on the right side", "at the right", "to the right", "right"),
}
EN_ARTICLES = ("a", "a", "a", "the", "one", "")
EN_PREFIXES = (
    "", "", "", "", "", "a picture of", "a drawing of", "an image of", "draw", "a photo of", "a painting of", "show me",
)  # fmt: skip
EN_BACKGROUNDS = (
    "on a {} background", "on {} background", "on a {} background", "against a {} background", "on {}",
    "against {}", "with a {} background", "over a {} background", "in front of a {} background",
)  # fmt: skip
EN_BARE_BACKGROUNDS = ("{} background", "a {} background", "background {}", "the background is {}")

# Gender, nominative forms and, for the feminine, the accusative that a verb such as «нарисуй» asks for.
RU_THINGS = {
    "circle": (("m", "круг", "круг"), ("m", "диск", "диск")),
    "square": (("m", "квадрат", "квадрат"),),
    "triangle": (("m", "треугольник", "треугольник"),),
    "star": (("f", "звезда", "звезду"), ("f", "звёздочка", "звёздочку")),
    "heart": (("n", "сердце", "сердце"), ("n", "сердечко", "сердечко")),
    "moon": (("f", "луна", "луну"), ("m", "месяц", "месяц"), ("m", "полумесяц", "полумесяц")),
    "house": (("m", "дом", "дом"), ("m", "дом", "дом"), ("m", "домик", "домик")),
    "tree": (("n", "дерево", "дерево"),),
    "flower": (("m", "цветок", "цветок"), ("m", "цветочек", "цветочек")),
    "sun": (("n", "солнце", "солнце"), ("n", "солнышко", "солнышко")),
    "fish": (("f", "рыба", "рыбу"), ("f", "рыбка", "рыбку")),
    "car": (("f", "машина", "машину"), ("f", "машинка", "машинку"), ("m", "автомобиль", "автомобиль")),
}
RU_COLOUR_STEMS = {
    "red": ("красн", "ый"),
    "orange": ("оранжев", "ый"),
    "yellow": ("жёлт", "ый"),
    "green": ("зелён", "ый"),
    "blue": ("син", "ий"),
    "purple": ("фиолетов", "ый"),
    "pink": ("розов", "ый"),
    "black": ("чёрн", "ый"),
    "white": ("бел", "ый"),
    "gray": ("сер", "ый"),
}
RU_SIZE_STEMS = {
    "small": (("маленьк", "ий"), ("маленьк", "ий"), ("небольш", "ой"), ("крошечн", "ый")),
    "large": (("больш", "ой"), ("больш", "ой"), ("огромн", "ый"), ("крупн", "ый")),
}
# Endings by (declension, form): masculine, feminine, neuter nominative, feminine accusative, prepositional, genitive.
RU_ENDINGS = {
    ("ый", "m"): "ый", ("ый", "f"): "ая", ("ый", "n"): "ое", ("ый", "fa"): "ую", ("ый", "p"): "ом", ("ый", "g"): "ого",
    ("ой", "m"): "ой", ("ой", "f"): "ая", ("ой", "n"): "ое", ("ой", "fa"): "ую",
    ("ий", "m"): "ий", ("ий", "f"): "ая", ("ий", "n"): "ое", ("ий", "fa"): "ую", ("ий", "p"): "ем", ("ий", "g"): "его",
}  # fmt: skip
RU_SOFT = {("син", "f"): "яя", ("син", "n"): "ее", ("син", "fa"): "юю"}
RU_POSITIONS = {
    "left": ("слева", "слева", "с левой стороны", "в левой части"),
    "centre": ("в центре", "по центру", "посередине", "в середине"),
    "right": ("справа", "справа", "с правой стороны", "в правой части"),
}
RU_PREFIXES = ("", "", "", "", "", "картинка:", "рисунок:", "на картинке")
RU_VERBS = ("нарисуй", "изобрази", "покажи")
RU_BACKGROUNDS = ("на {p} фоне", "на {p} фоне", "на {p} фоне", "на {p}", "на фоне {g} цвета", "фон {m}")
RU_BARE_BACKGROUNDS = ("{m} фон", "фон {m}", "на {p} фоне")

# Common prompt words that mean nothing in this world; the encoder learns not to hear them.
_IDLE = """
beautiful detailed epic cinematic masterpiece watercolor cute nice simple cartoon illustration style quality best
ultra realistic fantasy art dog cat fox bird mountain river forest snow city street people woman man child happy sad
old new soft light dark night day morning evening sky sea grass water fire stone wood paper table chair book window
door garden road bridge tower castle ship boat train plane horse cow apple bread cup with and or of in at by from very
really some any this that these it is are was please make create render good bad ugly deformed blurry lowres sharp
focus 4k 8k hd photo trending portrait landscape vintage modern красивый милый простой детский рисунок стиль акварель
кот собака лиса лес река город улица человек девочка мальчик небо море трава вода огонь камень стол книга окно сад
дорога мост башня корабль поезд лошадь яблоко хлеб пожалуйста очень и или с для это этот хороший качество детально
фотография портрет пейзаж ночь день утро
"""
FILLERS = tuple(_IDLE.split())
LETTERS = ("abcdefghijklmnopqrstuvwxyz", "абвгдежзийклмнопрстуфхцчшщъыьэюя")


class Speaker:
    """Speaks of scenes, with every choice drawn from one generator."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng

    def speak_of(self, scene: Scene, *, empty: float = 0.1) -> tuple[Mention, str]:
        """A caption of the scene: empty with probability `empty`, sometimes of a part of it."""
        if self._chance(empty):
            return NOTHING, ""
        mention = self.notice(scene)
        return mention, self.say(mention)

    def notice(self, scene: Scene) -> Mention:
        """What of the scene is worth a word: usually the thing, its colour and the background.

        Large and centred things often go without saying, so that a prompt that names neither draws one.
        """
        chance = self._chance
        everything = chance(0.8)
        mention = Mention(
            thing=scene.thing if everything or chance(0.75) else None,
            colour=scene.colour if everything or chance(0.6) else None,
            background=scene.background if everything or chance(0.5) else None,
            size=scene.size if chance(0.85 if scene.size == "small" else 0.5) else None,
            position=scene.position if chance(0.3 if scene.position == "centre" else 0.9) else None,
        )
        if mention.thing is None and mention.colour is None and (mention.size or mention.position):
            return Mention(background=scene.background)
        return mention

    def say(self, mention: Mention, *, language: str | None = None, fillers: float = 0.15) -> str:
        """Put a mention into words; `language` is "en", "ru" or any, `fillers` how often idle words are mixed in."""
        language = language or self._one_of(("en", "ru"))
        text = self._english(mention) if language == "en" else self._russian(mention)
        if text and self._chance(0.1):
            text += "."
        if self._chance(0.15):
            text = text.replace("ё", "е")
        if self._chance(fillers):
            text = self.idle(text)
        return text

    def _english(self, m: Mention) -> str:
        background = m.background and self._one_of(EN_COLOURS.get(m.background, (m.background,)))
        if m.thing is None and m.colour is None:
            return self._one_of(EN_BARE_BACKGROUNDS).format(background) if background else ""
        words = [self._one_of(EN_SIZES[m.size])] if m.size else []
        words += [m.colour] if m.colour else []
        late = bool(m.size and m.thing and self._chance(0.1))
        if late:
            words = words[1:]
        words += [self._one_of(EN_THINGS[m.thing])] if m.thing else []
        phrase = self._article(words)
        if late and m.size:
            phrase += ", " + self._one_of(EN_SIZES[m.size])
        elif m.thing and m.colour and self._chance(0.06):
            rest = [w for w in words if w != m.colour]
            phrase = f"{self._article(rest)}, {m.colour}"
        position = self._one_of(EN_POSITIONS[m.position]) if m.position else ""
        if background and self._chance(0.25):
            parts = [self._one_of(EN_BARE_BACKGROUNDS).format(background), phrase, position]
            return self._comma(parts, 1.0)
        behind = self._one_of(EN_BACKGROUNDS).format(background) if background else ""
        tail = [position, behind] if self._chance(0.6) else [behind, position]
        if position == "left" or position == "right":
            tail = [f"{t}," if t == position and behind else t for t in tail]
        prefix = self._one_of(EN_PREFIXES)
        return f"{prefix} {self._comma([phrase, *tail], 0.3)}".strip().rstrip(",")

    def _article(self, words: list[str]) -> str:
        article = self._one_of(EN_ARTICLES)
        if article == "a" and words and words[0][0] in "aeiou":
            article = "an"
        return " ".join(w for w in (article, *words) if w)

    def _russian(self, m: Mention) -> str:
        if m.thing is None and m.colour is None:
            return self.russian_background(m.background, RU_BARE_BACKGROUNDS) if m.background else ""
        verb = self._one_of(RU_VERBS) if self._chance(0.15) else ""
        gender, nominative, accusative = self._one_of(RU_THINGS[m.thing]) if m.thing else ("m", "", "")
        form = "fa" if verb and gender == "f" else gender
        words = []
        if m.size:
            stem, declension = self._one_of(RU_SIZE_STEMS[m.size])
            words.append(_declined(stem, declension, form))
        if m.colour:
            words.append(_declined(*RU_COLOUR_STEMS[m.colour], form))
        if len(words) == 2 and self._chance(0.15):
            words.reverse()
        noun = accusative if verb else nominative
        words = [noun, *words] if noun and self._chance(0.08) else [*words, noun]
        phrase = " ".join(w for w in words if w)
        position = self._one_of(RU_POSITIONS[m.position]) if m.position else ""
        if m.background and self._chance(0.25):
            return self._comma([self.russian_background(m.background, RU_BARE_BACKGROUNDS), phrase, position], 1.0)
        behind = self.russian_background(m.background, RU_BACKGROUNDS) if m.background else ""
        if position and self._chance(0.15):
            return self._comma([position, phrase, behind], 0.15)
        tail = [position, behind] if self._chance(0.6) else [behind, position]
        prefix = verb or self._one_of(RU_PREFIXES)
        return f"{prefix} {self._comma([phrase, *tail], 0.3)}".strip()

    def russian_background(self, background: str, patterns: tuple[str, ...]) -> str:
        """A background's colour in one of the patterns."""
        stem, declension = RU_COLOUR_STEMS[background]
        return self._one_of(patterns).format(**{form: _declined(stem, declension, form) for form in "mpg"})

    def _comma(self, parts: list[str], often: float) -> str:
        """Join the parts that are there by commas (`often`) or spaces."""
        joined = ""
        for part in filter(None, parts):
            joined += ((", " if self._chance(often) else " ") if joined else "") + part
        return joined

    def idle(self, text: str) -> str:
        """A caption with idle words mixed in."""
        words = text.split(" ")
        for _ in range(int(self._rng.integers(1, 5))):
            at = int(self._rng.choice([0, len(words), int(self._rng.integers(len(words) + 1))]))
            words.insert(at, self._filler())
        return " ".join(words)

    def _filler(self) -> str:
        if self._chance(0.6):
            return self._one_of(FILLERS)
        letters = self._one_of(LETTERS)
        return "".join(self._one_of(letters) for _ in range(int(self._rng.integers(2, 9))))

    def _chance(self, probability: float) -> bool:
        return bool(self._rng.random() < probability)

    def _one_of(self, choices: tuple[str, ...] | str | tuple[tuple[str, ...], ...]) -> Any:
        return choices[int(self._rng.integers(len(choices)))]


def _declined(stem: str, declension: str, form: str) -> str:
    return stem + RU_SOFT.get((stem, form), RU_ENDINGS[declension, form])

"""Where what is bare is told to be something beside a child: a statue that a class looks at, what a mother buys.

Only phrases that say so from end to end count, written plainly: each begins with what relates the two, names nobody but
who is grown up, and ends the clause or goes on with a place. What else is bare still stands there afterwards.
"""

from __future__ import annotations

import re

_PLACES = (
    r"museums?|galler(?:y|ies)|exhibitions?|parks?|gardens?|squares?|piazza|halls?|courtyards?|malls?|shops?|stores?|boutiques?"
    r"|markets?|sales?|department stores?"
)
_PLACES_RU = (
    r"музе\w+|галере\w+|выставк\w+|парк\w+|сад\w*|сквер\w*|площад\w+|зал\w*|двор\w*|магазин\w*|центр\w*|рынк\w+"
)
_STOP = r"\s*(?:$|[.,;!?])"
_END = (
    rf"(?={_STOP}|\s+(?:in|at|on|inside|outside)\s+(?:an?|the|their|our)?\s*(?:art|city|sculpture|old)?\s*(?:{_PLACES}){_STOP}"
    rf"|\s+(?:в|на)\s+(?:художественном\s+|торговом\s+|городском\s+|летнем\s+)?(?:{_PLACES_RU}){_STOP})"
)
"""Nothing follows that could say more of it: whose statue it is, or for whom something is bought."""
_THE = r"(?:an?|the|some|this|that|two|three|several)\s+"
_LOOK = r"(?:ancient|antique|classical|greek|roman|famous|big|large|huge|tall|old|white|marble|stone|bronze|plaster)\s+"
_RELATED = (
    r"(?:beside|next\s+to|near|in\s+front\s+of|before|past|around|behind|opposite|(?:looks?|looking|stares?|staring|laughs?|"
    r"laughing|points?|pointing|giggles?|giggling)\s+(?:up\s+)?at|sees?|seeing|visits?|visiting|admires?|admiring|sketch(?:es|ing)?"
    r"|draws?|drawing|cop(?:y|ies|ying)|stud(?:y|ies|ying)|photographs?|photographing)\s+"
)
_GROWN = r"(?:woman|women|man|men|venus|goddess|goddesses|model|adam\s+and\s+eve)"
_RELATED_RU = (
    r"(?:возле|около|рядом\s+со?|перед|мимо|напротив|у|(?:смотр\w+|показыва\w+|глазе\w+)\s+на|рису[ею]т|срисовыва\w+|разглядыва\w+"
    r"|рассматрива\w+|изуча\w+|фотографиру\w+)\s+"
)
_LOOK_RU = r"(?:(?:античн|древн|греческ|римск|знаменит|больш|огромн|стар|бел|мраморн|каменн|бронзов|гипсов)\w+\s+)"
_BARE_RU = r"(?:обнаж[её]нн\w+|наг(?:ой|ую|ими|их|ая|ые)|гол(?:ой|ую|ыми|ых|ая|ые))"
_ART = "|".join(
    (
        rf"({_RELATED}{_THE}(?:{_LOOK}){{0,3}})(?:nude|naked)\s+((?:{_LOOK}){{0,3}}(?:statues?|sculptures?|paintings?|frescoe?s?)){_END}",
        rf"({_RELATED}{_THE}(?:{_LOOK}){{0,3}}(?:paintings?|statues?|sculptures?|frescoe?s?)\s+of\s+(?:an?|the|two|three)?\s*)"
        rf"(?:nude|naked)\s+({_GROWN}){_END}",
        rf"({_RELATED_RU}{_LOOK_RU}{{0,3}}){_BARE_RU}\s+({_LOOK_RU}{{0,3}}(?:стату(?:я|и|ю|ей|ями|ях|й)|скульптур\w*|изваяни\w+)){_END}",
        rf"({_RELATED_RU}{_LOOK_RU}{{0,3}}(?:картин\w*|фреск\w*)\s+с\s+){_BARE_RU}\s+(женщин\w+|мужчин\w+|натурщиц\w+|богин\w+|венер\w+){_END}",
    )
)
_BOUGHT = "|".join(
    (
        r"\b(buy|buys|buying|bought|sells?|selling|folds?|folding|wash(?:es|ing)?|irons?|ironing|sews?|sewing|shops?\s+for|shopping\s+"
        rf"for)\s+(?:(?:some|new|silk|lace|cotton)\s+){{0,2}}lingerie{_END}",
        r"\b(покупа\w+|выбира\w+|стира\w+|глад[ия]т|продают?|прода[её]т|складыва\w+|шь[её]т)\s+(?:(?:новое|ш[её]лковое|красивое)\s+)?"
        rf"(?:нижнее|кружевное)\s+бель[её]{_END}",
    )
)
_GROWN_UP = re.compile(
    r"\b(?:mothers?|mum|mums|mom|moms|woman|women|wife|grandmothers?|lady|ladies|saleswoman|seamstress|couple|parents"
    r"|мам(?:а|ы|ой)|мать|матери|женщин\w+|жена|бабушк\w+|продавщиц\w+|швея)\b",
    re.IGNORECASE,
)
_WORN = re.compile(
    r"\b(?:it|them|wear\w*|wore|worn|try|tries|tried|trying|dress\w*|model\w*|pose[sd]?|posing|put\w*|nothing|only"
    r"|н[её]м|его|надет\w*|наде\w+|одет\w*|одева\w+|мер[ия]\w+|пример\w+|поз\w+|модел\w+|только)\b",
    re.IGNORECASE,
)
"""Somebody has it on, or might."""
_ARTWORKS, _GOODS = re.compile(_ART, re.IGNORECASE), re.compile(_BOUGHT, re.IGNORECASE)


def without_apart(prompt: str) -> str | None:
    """The prompt without words of bareness that are told of another, or of a thing, beside whoever is there.

    None where there are none such.
    """
    text = " ".join(prompt.split())
    rest = _ARTWORKS.sub(_unsaid, text)
    if _GROWN_UP.search(rest) and not _WORN.search(rest):
        rest = _GOODS.sub(_unsaid, rest)
    return None if rest == text else rest


def _unsaid(phrase: re.Match[str]) -> str:
    """All of a phrase but what is bare."""
    return " ".join(["", *(part for part in phrase.groups() if part), ""])

"""Ages below eighteen, as prompts say them in numbers: of people, not of cats and whisky."""

from __future__ import annotations

import re

_AGE = r"(?<![0-9.,])(?:1[0-7]|[1-9])"
_DRINKS = r"(?:whisk(?:e?y|ies)|wine|scotch|bourbon|rum|brandy|cognac|cheese|виски|вино|коньяк|сыр)"
_THINGS = rf"(?!\W{{1,3}}(?:cat|dog|horse|tree|oak|house|car|bonsai|{_DRINKS})\b)"
_OTHER_SPANS = (
    r"(?!\W{1,3}(?:назад|выдерж\w*|после|спустя|подряд|опыт\w*|гаранти\w*|стаж\w*|брак\w*|вместе|со дня|до н)\b)"
)
_AGES = re.compile(
    rf"{_AGE}\W{{0,3}}(?:years?|yrs?)\W{{0,3}}(?:olds?\b{_THINGS}|of\s+age\b)|{_AGE}\W{{0,3}}(?:yo|y\W?o)\b{_THINGS}"
    rf"|\bage(?:d|s)?\W{{0,3}}(?:of\W{{0,2}})?{_AGE}(?![0-9])"
    rf"|{_AGE}\W{{0,3}}(?:ти|и|х)?\W{{0,3}}лет{_OTHER_SPANS}|{_AGE}\W{{0,3}}годика|\b[2-4]\W{{0,2}}года\b{_OTHER_SPANS}"
)
_AGED_DRINK = re.compile(rf"\b{_DRINKS}\W{{1,3}}(?:aged\W{{1,3}})?{_AGE}\W{{1,3}}(?:years?|months?|лет)\b")


def says_minor(text: str) -> bool:
    """Does a folded text speak of somebody below eighteen, by a number?"""
    return _AGES.search(_AGED_DRINK.sub(" ", text)) is not None

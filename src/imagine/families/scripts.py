"""Which scripts of writing text encoders were taught: a prompt in another says nothing to the model behind them.

CLIP's captions were English. T5's vocabulary (v1.1, which models of pictures use) has pieces of Latin and of Cyrillic,
and of everything else none: a word of that is one unknown piece. Encoders not named here read whatever is written.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Collection
from types import MappingProxyType

from .table import facts_of

_LATIN = frozenset({"LATIN"})
_TAUGHT = MappingProxyType({
    "clip_l": _LATIN, "clip_g": _LATIN, "clip_h": _LATIN, "t5-xxl": _LATIN | {"CYRILLIC"},
})  # fmt: skip
"""By what the registry calls the encoder's file; the names are those by which Unicode's names of letters begin."""
_SHARE = 4
"""A script that has less than one letter of so many is a name, or a word that stands as it is."""
_PLAIN = "ɏ"
"""The last of the letters that are Latin whatever Unicode calls them."""


def taught_scripts(family: str, lacking: Collection[str] = ()) -> frozenset[str] | None:
    """Those that a family's encoders were taught, less the roles that it does without; None: any, or nobody knows."""
    kinds = [need.fits[0] for need in facts_of(family).needs if need.role.startswith("text_encoder")
             and not (need.optional and need.role in lacking)]  # fmt: skip
    if not kinds or not _TAUGHT.keys() >= set(kinds):
        return None
    return frozenset().union(*(_TAUGHT[kind] for kind in kinds))


def scripts_in(text: str) -> frozenset[str]:
    """Those that a text is written in, without what it only mentions."""
    letters = Counter(letter for letter in text if letter.isalpha())
    counted: Counter[str] = Counter()
    for letter, count in letters.items():
        counted[_script(letter)] += count
    return frozenset(script for script, count in counted.items() if _SHARE * count >= letters.total())


def _script(letter: str) -> str:
    return "LATIN" if letter <= _PLAIN else unicodedata.name(letter, "?").partition(" ")[0]

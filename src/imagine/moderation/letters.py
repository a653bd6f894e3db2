"""Characters as a reader sees them: look-alikes of other alphabets, digits for letters, and what nobody sees.

Data after Unicode's confusables (UTS #39), as far as people use them in words; for comparing alone.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

_UNSEEN = frozenset("\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
"""Letters and signs without a shape, which Unicode doesn't count among the formats."""
_CYRILLIC_LATIN = dict(zip("аевсеоркхумтнѕіјһԁԛԝ", "aebceopkxymthsijhdqw", strict=True))
_LATIN_CYRILLIC = dict(zip("aebcopkxymthnugr3", "аевсоркхумтнпидгз", strict=True))
_GREEK = dict(zip("αβεικνορτυχηωγ", "abeikvoptuxhwy", strict=True))
_OTHERS = dict(zip("ıłøđħɑɡɩɪʀʏᴀʙᴄᴅᴇꜰɢʜᴊᴋʟᴍɴᴏᴘꜱᴛᴜᴠᴡᴢɛɔæœßþ", "ilodhagiiryabcdefghjklmnopstuvwzeoaosp", strict=True))
_LEET_LATIN = {
    "0": "o", "1": "il", "3": "e", "4": "a", "5": "s", "6": "g", "7": "t", "8": "b", "9": "g", "@": "a", "$": "s",
    "€": "e", "£": "l", "!": "i", "|": "li", "+": "t", "¡": "i",
}  # fmt: skip
_LEET_CYRILLIC = {
    "0": "о", "1": "л", "3": "зе", "4": "ч", "5": "с", "6": "б", "7": "т", "8": "в", "9": "д", "@": "а", "$": "с",
    "€": "е", "!": "и", "|": "л",
}  # fmt: skip
_AS_LATIN = _CYRILLIC_LATIN | _GREEK
_AS_CYRILLIC = _LATIN_CYRILLIC | {
    each: _LATIN_CYRILLIC[letter] for each, letter in _GREEK.items() if letter in _LATIN_CYRILLIC
}
LEET = "".join(sorted({*_LEET_LATIN, *_LEET_CYRILLIC}))
_MOST_READINGS = 16
_LONGEST_WORD = 64
"""Letters of a word that is read in several ways: a longer one is no word, and each of its letters would cost more."""
_MARKS = re.compile(r"[^\w\s]{16,}")
"""More signs in a row than anybody writes: marks are put in Unicode's order by comparing each two of them."""
_LONGEST_NUMBER = 3
"""Digits that are read as letters where no letter is among them: years and rooms are numbers."""
_REPEATED = re.compile(r"(.)\1+")
_STRETCHED = re.compile(r"(.)\1{2,}")
_ALPHABETS = (0x1F150, 0x1F170, 0x1F1E6)
"""Where others begin that Unicode takes for signs: white in circles, in squares, as flags."""


def folded(text: str) -> str:
    """The text as it is compared: compatibility forms, case, accents, letters in circles, ё; without what is unseen."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", with_few_marks(text)).casefold())
    return plain.translate(_FOLDED)


def with_few_marks(text: str) -> str:
    """The text, to be normalised in a time that grows with its length: without marks where they are piled up."""
    return _MARKS.sub(lambda signs: "".join(each for each in signs[0] if not unicodedata.combining(each)), text)


def readings_of(token: str) -> set[str]:
    """A word as it can be read in either alphabet, its digits and signs as letters, too; itself among them."""
    if len(token) > _LONGEST_WORD:
        return {token}
    latin = _read(token, "az", _AS_LATIN, _LEET_LATIN)
    cyrillic = _read(token, "ая", _AS_CYRILLIC, _LEET_CYRILLIC)
    return {token, *latin, *cyrillic}


def unrepeated(token: str) -> set[str]:
    """A word whose letters stand several times in a row, with fewer of them; a single pair is how words are spelled."""
    fewer = {_STRETCHED.sub(r"\1", token), _STRETCHED.sub(r"\1\1", token)}
    if len(_REPEATED.findall(token)) > 1 or len(fewer) > 1:
        fewer.add(_REPEATED.sub(r"\1", token))
    return (fewer | ({token[::2]} if token[::2] == token[1::2] else set())) - {token}


def _read(token: str, alphabet: str, alike: Mapping[str, str], leet: Mapping[str, str]) -> set[str]:
    """What it is in an alphabet, if every character can be of it; a long number isn't."""
    found = {""}
    for letter in token:
        choices = letter if alphabet[0] <= letter <= alphabet[1] else alike.get(letter) or leet.get(letter) or ""
        if not choices:
            return set()
        if len(choices) > 1 and len(found) >= _MOST_READINGS:
            choices = choices[0]
        found = {so_far + choice for so_far in found for choice in choices}
    return found if len(token) <= _LONGEST_NUMBER or any(map(str.isalpha, token)) else set()


class _Folding(dict[int, str]):
    """What a character is after folding, found out once."""

    def __missing__(self, code: int) -> str:
        letter = chr(code)
        seen = letter not in _UNSEEN and unicodedata.category(letter) not in ("Mn", "Me", "Cf")
        self[code] = plain = _plain(letter) if seen and (letter.isspace() or letter.isprintable()) else ""
        return plain


def _plain(letter: str) -> str:
    code = ord(letter)
    for first in _ALPHABETS:
        if first <= code < first + 26:
            return chr(code - first + ord("a"))
    return _OTHERS.get(letter, letter)


_FOLDED = _Folding()

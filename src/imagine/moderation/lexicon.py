"""Lists of words in data files, and which of them a prompt has something of.

A line is a word, a stem with `*`, or several of them in a row; `~` leaves up to three words of a clause between. `#`
begins a remark. In the list of what is benign `a|b` are two words for one place; with a `+` behind them they are looked
at still.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path

from .letters import folded, with_few_marks
from .normalise import CLAUSE_END, Reading, WordReadings

LANGUAGES = ("en", "ru")
LISTS = (
    "minors", "sexual_minors", "explicit", "nudity", "suggestive", "undressing", "art", "gore", "violence", "self_harm",
    "hate", "illicit",
)  # fmt: skip
_BENIGN = "benign"
_REMEMBERED = 8192
_DATA = Path(__file__).parent / "data"
_WORD = re.compile(r"[^\W_]+\*?|~")
_PLACE = re.compile(r"~|[^\W_]+\*?(?:\|[^\W_]+\*?)*\+?")
_GAP = r"[\s'’-]{1,2}"
_BETWEEN = 3
"""How many words `~` leaves between two."""
_NOT_BETWEEN = frozenset(
    {CLAUSE_END, "from", "on", "in", "of", "under", "behind", "with", "keep", "leave", "except", "but"}
)
"""What it doesn't leap over: what is removed from a dress isn't the dress, nor is what comes after a comma."""
_LEAST_SPELLED = 3
"""Letters of what is looked for among letters whose words aren't known."""
_SHORTEST_STEM = 2

TermWords = tuple[str, ...]


class Lexicon:
    """Lists by their names, looked for all at once."""

    def __init__(self, lists: Mapping[str, Sequence[str]]) -> None:
        self._exact: dict[str, list[tuple[TermWords, str]]] = {}
        self._stems: dict[str, list[tuple[TermWords, str]]] = {}
        spelled: dict[str, list[str]] = {}
        for name, lines in lists.items():
            for line in filter(None, map(_parsed, lines)):
                table = self._stems if line[0].endswith("*") else self._exact
                table.setdefault(line[0].rstrip("*"), []).append((line, name))
                if len("".join(line)) >= _LEAST_SPELLED:
                    spelled.setdefault(name, []).append(_as_spelled(line))
        self._spelled = {name: re.compile("|".join(patterns)) for name, patterns in spelled.items()}
        self._beginning = lru_cache(_REMEMBERED)(self._lines_beginning)

    def found_in(self, reading: Reading) -> set[str]:
        """The lists of which something stands there, however it is read."""
        spelled = (word for run in reading.runs for word in run)
        found = {name for word in spelled for name, pattern in self._spelled.items() if pattern.search(word)}
        for words in reading.lines:
            for start, token in enumerate(words):
                found |= {name for line, name in self._beginning(token) if _stands(line, words, start, 0)}
        return found

    def _lines_beginning(self, token: WordReadings) -> tuple[tuple[TermWords, str], ...]:
        """The lines whose first word it can be."""
        found = [line for word in token for line in self._exact.get(word, ())]
        stems = {word[:end] for word in token for end in range(_SHORTEST_STEM, len(word) + 1)}
        return (*found, *(line for stem in stems for line in self._stems.get(stem, ())))


@cache
def shipped() -> Lexicon:
    """The lists that come with Imagine."""
    return Lexicon({name: [line for language in LANGUAGES for line in lines_of(name, language)] for name in LISTS})


def without_benign(prompt: str) -> str:
    """The prompt without phrases in which a listed word means something else, where they are written plainly."""
    return _benign().sub(_still_looked_at, unicodedata.normalize("NFC", with_few_marks(prompt)))


def lines_of(name: str, language: str) -> list[str]:
    """A list as it is written."""
    lines = (_DATA / language / f"{name}.txt").read_text("utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


@cache
def _benign() -> re.Pattern[str]:
    lines = [line for language in LANGUAGES for line in lines_of(_BENIGN, language)]
    return re.compile("|".join(map(_as_written, sorted(lines, key=len, reverse=True))), re.IGNORECASE)


def _still_looked_at(phrase: re.Match[str]) -> str:
    return " ".join(["", *(word for word in phrase.groups() if word), ""])


def _as_written(line: str) -> str:
    """A pattern of a line whose words stand beside each other: who hides them gets no benefit of the doubt."""
    words = (r"(?:\w+[\s-]){0,3}" if place == "~" else _written(place) + _GAP for place in _PLACE.findall(line))
    return r"\b" + "".join(words).removesuffix(_GAP) + r"\b"


def _written(place: str) -> str:
    """A pattern of the words for one place: a group that is kept, if they are looked at still."""
    words = place.rstrip("+").replace("е", "[её]").replace("*", r"\w*")
    return f"({words})" if place.endswith("+") else f"(?:{words})"


def _parsed(line: str) -> TermWords:
    return tuple(_WORD.findall(folded(line)))


def _as_spelled(line: TermWords) -> str:
    """A pattern of a line where nothing tells where a word ends."""
    return "".join(".{0,24}" if w == "~" else re.escape(w.rstrip("*")) + ".{0,4}" * w.endswith("*") for w in line)


def _stands(line: TermWords, words: tuple[WordReadings, ...], at: int, part: int) -> bool:
    """Does the line, from its `part` on, stand among the words, from `at` on?"""
    if part == len(line):
        return True
    if line[part] == "~":
        return any(_stands(line, words, place, part + 1) for place in _leaps(words, at))
    return at < len(words) and _is(line[part], words[at]) and _stands(line, words, at + 1, part + 1)


def _leaps(words: tuple[WordReadings, ...], at: int) -> Iterator[int]:
    """Where `~` may end that begins there."""
    for place in range(at, min(at + _BETWEEN, len(words)) + 1):
        yield place
        if place < len(words) and not _NOT_BETWEEN.isdisjoint(words[place]):
            return


def _is(part: str, token: WordReadings) -> bool:
    return any(each.startswith(part[:-1]) for each in token) if part.endswith("*") else part in token

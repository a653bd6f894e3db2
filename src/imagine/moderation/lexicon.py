"""Lists of words in data files, and which of them a prompt has something of.

A line is a word, a stem with `*`, or several of them in a row; `~` leaves up to three words between. `#` begins a
remark.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path

from .letters import folded
from .normalise import Reading, WordReadings

LANGUAGES = ("en", "ru")
LISTS = (
    "minors", "sexual_minors", "explicit", "nudity", "suggestive", "undressing", "art", "gore", "violence", "self_harm",
    "hate", "illicit",
)  # fmt: skip
_BENIGN = "benign"
_REMEMBERED = 8192
_DATA = Path(__file__).parent / "data"
_WORD = re.compile(r"[^\W_]+\*?|~")
_BETWEEN = 3
"""How many words `~` leaves between two."""
_LEAST_SPELLED = 3
"""Letters of what is looked for among letters whose words aren't known."""
_SHORTEST_STEM = 2

TermWords = tuple[str, ...]


class Lexicon:
    """Lists by their names, looked for all at once; `benign` are phrases in which their words mean something else."""

    def __init__(self, lists: Mapping[str, Sequence[str]], benign: Sequence[str] = ()) -> None:
        self._exact: dict[str, list[tuple[TermWords, str]]] = {}
        self._stems: dict[str, list[tuple[TermWords, str]]] = {}
        spelled: dict[str, list[str]] = {}
        for name, lines in [*lists.items(), (_BENIGN, benign)]:
            for line in filter(None, map(_parsed, lines)):
                table = self._stems if line[0].endswith("*") else self._exact
                table.setdefault(line[0].rstrip("*"), []).append((line, name))
                if len("".join(line)) >= _LEAST_SPELLED and name != _BENIGN:
                    spelled.setdefault(name, []).append(_as_spelled(line))
        self._spelled = {name: re.compile("|".join(patterns)) for name, patterns in spelled.items()}
        self._beginning = lru_cache(_REMEMBERED)(self._lines_beginning)

    def found_in(self, reading: Reading) -> set[str]:
        """The lists of which something stands there, however it is read."""
        spelled = (word for run in reading.runs for word in run)
        found = {name for word in spelled for name, pattern in self._spelled.items() if pattern.search(word)}
        return found.union(*map(self._found_among, reading.lines))

    def _found_among(self, words: tuple[WordReadings, ...]) -> set[str]:
        stands = [(name, start, end) for start, end, name in self._stretches(words)]
        innocent = {place for name, start, end in stands if name == _BENIGN for place in range(start, end)}
        return {name for name, start, end in stands if name != _BENIGN and innocent.isdisjoint(range(start, end))}

    def _stretches(self, words: tuple[WordReadings, ...]) -> Iterator[tuple[int, int, str]]:
        """What stands there: from which word to before which."""
        for start, token in enumerate(words):
            for line, name in self._beginning(token):
                if end := _end_of(line, words, start, 0):
                    yield start, end, name

    def _lines_beginning(self, token: WordReadings) -> tuple[tuple[TermWords, str], ...]:
        """The lines whose first word it can be."""
        found = [line for word in token for line in self._exact.get(word, ())]
        stems = {word[:end] for word in token for end in range(_SHORTEST_STEM, len(word) + 1)}
        return (*found, *(line for stem in stems for line in self._stems.get(stem, ())))


@cache
def shipped() -> Lexicon:
    """The lists that come with Imagine."""
    lines = {name: [line for language in LANGUAGES for line in lines_of(name, language)] for name in (*LISTS, _BENIGN)}
    return Lexicon({name: lines[name] for name in LISTS}, lines[_BENIGN])


def lines_of(name: str, language: str) -> list[str]:
    """A list as it is written."""
    lines = (_DATA / language / f"{name}.txt").read_text("utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def _parsed(line: str) -> TermWords:
    return tuple(_WORD.findall(folded(line)))


def _as_spelled(line: TermWords) -> str:
    """A pattern of a line where nothing tells where a word ends."""
    return "".join(".{0,24}" if w == "~" else re.escape(w.rstrip("*")) + ".{0,4}" * w.endswith("*") for w in line)


def _end_of(line: TermWords, words: tuple[WordReadings, ...], at: int, part: int) -> int:
    """Behind which of the words the line, from its `part` on, ends, if it stands there from `at` on; 0 if not."""
    if part == len(line):
        return at
    if line[part] == "~":
        places = range(at, min(at + _BETWEEN, len(words)) + 1)
        return next((end for place in places if (end := _end_of(line, words, place, part + 1))), 0)
    return _end_of(line, words, at + 1, part + 1) if at < len(words) and _is(line[part], words[at]) else 0


def _is(part: str, token: WordReadings) -> bool:
    return any(each.startswith(part[:-1]) for each in token) if part.endswith("*") else part in token

"""Wildcards: `{a|b}` and `__list__` in a prompt become one of their words, chosen by the picture's seed.

The syntax is that of Dynamic Prompts (https://github.com/adieyal/sd-dynamic-prompts/blob/main/docs/SYNTAX.md):

- `{a|b|c}` is one of them, `{a|}` perhaps nothing; `{2::a|b}` is `a` twice as often. They can stand in each other.
- `__colours__` is a line of the list of that name, `__animals/*__` one of all lists that fit. Lines may have wildcards.
- `\\{` and `\\}` are brackets, and in a choice `\\|` is a stroke. A `|` in square brackets is theirs. A `{` that is
  never closed is text.
- What chooses several (`{2$$a|b}`) or sets variables (`${a=b}`) is left as it is written, and named.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from itertools import accumulate
from typing import NamedTuple, Protocol

from ..messages import Message, message
from ..words.errors import BadRequest, ImagineError
from ..words.model_names import similar
from .request import MAX_PROMPT

MOST_CHOICES = 1000
"""That one prompt may take: lists may name each other."""
MOST_NESTED = 20
_SHOWN = 40
_LIST = r"__(?P<list>(?!_)[\w./*\-]{1,100}?)(?<!_)__"
_MARK = re.compile(_LIST + r"|\{[^{}]{0,500}\|[^{}]{0,500}\}")
_TOKEN = re.compile(r"\\[{}|]|\$?\{|[}|\[\]]|" + _LIST + r"|(?:[^\\${}|\[\]_]|_(?!_)|\$(?!\{))+|.", re.DOTALL)
_WEIGHT = re.compile(r"\s*(\d{1,6}(?:\.\d{0,6})?|\.\d{1,6})\s*::", re.ASCII)


class Lists(Protocol):
    """Lists of words."""

    def names(self) -> Sequence[str]:
        """Those that there are, in order."""

    def lines(self, name: str) -> Sequence[str]:
        """What one of them holds. Raises ImagineError where it can't be read."""


class NoLists:
    """Where no folder of lists is named."""

    def names(self) -> Sequence[str]:
        return ()

    def lines(self, name: str) -> Sequence[str]:
        raise KeyError(name)


class Expanded(NamedTuple):
    """A prompt without its wildcards, and what of it was left as it is written."""

    text: str
    warnings: list[Message]


def wildcard_in(text: str) -> str | None:
    """The first wildcard of a text, None where there is none."""
    match = _MARK.search(text)
    return match[0][:_SHOWN] if match else None


def expanded(text: str, seed: int, lists: Lists, field: str = "prompt") -> Expanded:
    """`text` with what the seed chooses: the same for the same text, seed, lists and field, on every machine.

    Raises BadRequest on `field` for a list that isn't there or holds nothing, for lists that lead to each other without
    an end, and for a text beyond what a prompt may be, and for a list that can't be read.
    """
    expansion = _Expansion(seed, lists, field)
    return Expanded(expansion.text(_parsed(text), 0), list(dict.fromkeys(expansion.warnings)))


class _ListName(NamedTuple):
    name: str


class _Choice(NamedTuple):
    options: list[list[_Word]]


class _AsWritten(NamedTuple):
    """What is left as it is written."""

    written: str


_Word = str | _ListName | _Choice | _AsWritten


class _OpenChoice:
    """A curly bracket that is open: where, and its options so far."""

    def __init__(self, start: int, *, variable: bool) -> None:
        self.start, self.variable = start, variable
        self.options: list[list[_Word]] = [[]]
        self.squares = 0


def _parsed(text: str) -> list[_Word]:
    """In time linear in the text's length, but for what is never closed."""
    opened = [_OpenChoice(0, variable=False)]
    for match in _TOKEN.finditer(text):
        mark, here = match[0], opened[-1]
        inside = len(opened) > 1
        if mark in ("{", "${") and len(opened) <= MOST_NESTED:
            opened.append(_OpenChoice(match.start(), variable=mark == "${"))
        elif mark == "}" and inside:
            opened.pop()
            opened[-1].options[-1] += _closed(here, text[here.start : match.end()])
        elif mark == "|" and inside and not here.squares:
            here.options.append([])
        elif mark[0] == "\\" and (mark[1:] in ("{", "}") or (mark[1:] == "|" and inside)):
            here.options[-1].append(mark[1])
        elif match["list"]:
            here.options[-1].append(_ListName(match["list"]))
        else:
            here.squares = max(0, here.squares + (mark == "[") - (mark == "]"))
            here.options[-1].append(mark)
    while len(opened) > 1:
        left = opened.pop()
        opened[-1].options[-1] += ["${" if left.variable else "{", *_as_written(left.options)]
    return opened[0].options[0]


def _closed(bracket: _OpenChoice, written: str) -> list[_Word]:
    """What a bracket is: what isn't done here, text around one option, or a choice."""
    if bracket.variable or any(isinstance(node, str) and "$$" in node for node in bracket.options[0]):
        return [_AsWritten(written)]
    if len(bracket.options) == 1:
        return ["{", *bracket.options[0], "}"]
    return [_Choice(bracket.options)]


def _as_written(options: list[list[_Word]]) -> Iterable[_Word]:
    for i, option in enumerate(options):
        yield from (["|"] if i else [])
        yield from option


class _Expansion:
    """One prompt's way from its wildcards to its words."""

    def __init__(self, seed: int, lists: Lists, field: str) -> None:
        self.warnings: list[Message] = []
        self._seed, self._lists, self._field = seed, lists, field
        self._choices = self._length = 0

    def text(self, nodes: list[_Word], depth: int) -> str:
        return "".join(self._words(node, depth) for node in nodes)

    def _words(self, node: _Word, depth: int) -> str:
        if depth > MOST_NESTED:
            raise BadRequest(message("wildcard.deep", self._field, most=MOST_NESTED))
        match node:
            case _ListName():
                lines = self._lines(node.name)
                line = lines[self._chosen(lines)]
                return self.text(_parsed(line[_weight(line)[1] :]), depth + 1)
            case _Choice():
                option = node.options[self._chosen([_beginning(each) for each in node.options])]
                begun = _beginning(option)
                return self.text([begun[_weight(begun)[1] :], *option[1:]] if begun else option, depth + 1)
            case _AsWritten():
                self.warnings.append(message("wildcard.left", self._field, text=node.written[:_SHOWN]))
                return self._counted(node.written)
        return self._counted(node)

    def _counted(self, text: str) -> str:
        self._length += len(text)
        if self._length > MAX_PROMPT:
            raise BadRequest(message("wildcard.long", self._field, most=MAX_PROMPT))
        return text

    def _chosen(self, options: Sequence[str]) -> int:
        """Which of them, by the weights that they begin with."""
        self._choices += 1
        if self._choices > MOST_CHOICES:
            raise BadRequest(message("wildcard.many", self._field, most=MOST_CHOICES))
        sums = list(accumulate(_weight(option)[0] for option in options))
        if not sums[-1]:
            raise BadRequest(message("wildcard.weights", self._field))
        drawn = f"imagine wildcard {self._seed} {self._field} {self._choices}"
        part = int.from_bytes(hashlib.sha256(drawn.encode()).digest()[:6]) / 2**48
        return bisect(sums, part * sums[-1])

    def _lines(self, name: str) -> list[str]:
        """Those of the list, or of all lists that the pattern fits."""
        names = self._lists.names()
        fitting = [each for each in names if fnmatchcase(each, name)] if "*" in name else [name]
        if not names or not fitting or not set(fitting) <= set(names):
            raise BadRequest(self._missing(name, names))
        lines: list[str] = []
        for each in fitting:
            try:
                lines += self._lists.lines(each)
            except ImagineError as error:  # which says where it lies
                raise BadRequest(message("wildcard.unreadable", self._field, name=each)) from error
        if not lines:
            raise BadRequest(message("wildcard.empty", self._field, name=name))
        return lines

    def _missing(self, name: str, names: Sequence[str]) -> Message:
        if not names:
            return message("wildcard.none", self._field, name=name)
        if near := similar(name, names):
            return message("wildcard.missing_near", self._field, name=name, names=", ".join(near))
        return message("wildcard.missing", self._field, name=name)


def _beginning(option: list[_Word]) -> str:
    """The text that an option begins with, "" for none."""
    return option[0] if option and isinstance(option[0], str) else ""


def _weight(text: str) -> tuple[float, int]:
    """How often what begins so is chosen, beside others' 1, and how many characters say it."""
    match = _WEIGHT.match(text)
    return (float(match[1]), match.end()) if match else (1.0, 0)

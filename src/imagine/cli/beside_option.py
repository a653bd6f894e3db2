"""What `--control canny=photo.jpg:0.8` and `--reference photo.jpg:0.6` say, checked where it is typed.

Behind the picture may stand how strongly, and then what else, by name: `canny=map.png:0.8,preprocess=none,end=0.5`. A
box has its four numbers between slashes: `photo.jpg,box=0.1/0/0.6/1`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import click

from .numbers import finite

_STRENGTH = re.compile(r":(-?[0-9.]{1,20})$")
_NUMBERS = ("start", "end")
_BOX = "box"
_MORE = re.compile(r",([a-z_]{1,20})=([^,=]*)$")


class PictureOption(NamedTuple):
    """One of the two options."""

    picture: str
    """The part of a request's object that holds the picture."""
    example: str
    named: bool
    """A name and `=` stand before the picture."""
    words: tuple[str, ...]
    files: tuple[str, ...] = ()
    """Other parts that are pictures."""
    mapped: bool = False
    """A map is made of the picture, which may be told numbers."""

    def parsed(self, typed: str) -> dict[str, Any]:
        """What is said, with the picture's place in it. Raises ValueError, which says why it is nothing."""
        said, rest = dict[str, Any](), typed
        if self.named:
            name, equals, rest = typed.partition("=")
            if not (name and equals):
                raise ValueError("names no model")
            said["model"] = name
        rest = expanded(rest)
        more = dict[str, Any]()
        while (match := _MORE.search(rest)) and not Path(rest).exists():
            more[match[1]] = self._value(match[1], match[2])
            rest = rest[: match.start()]
        if (match := _STRENGTH.search(rest)) and not Path(rest).exists():
            said["strength"] = _number("strength", match[1])
            rest = rest[: match.start()]
        if not rest:
            raise ValueError("names no picture")
        options = {key: more.pop(key) for key in list(more) if not self._is_part(key)}
        return said | {self.picture: rest} | more | ({"options": options} if options else {})

    def _is_part(self, key: str) -> bool:
        return key in (*self.words, *self.files, *_NUMBERS) or (key == _BOX and not self.mapped)

    def _value(self, key: str, text: str) -> str | float | list[float]:
        if key in self.words:
            return text
        if key in self.files:
            return expanded(text)
        if not self._is_part(key) and not (self.mapped and key in _options()):
            known = ", ".join((*self.words, *self.files, *_NUMBERS, *(_options() if self.mapped else [_BOX])))
            raise ValueError(f"says {key!r}, which isn't one of: {known}")
        return [_number(key, side) for side in text.split("/")] if key == _BOX else _number(key, text)


def _number(key: str, text: str) -> float:
    """Raises ValueError, which says of what it is none."""
    number = finite(text)
    if number is None:
        raise ValueError(f"says {key} {text!r}, which is no number")
    return number


def _options() -> list[str]:
    """What preprocessors can be told."""
    from ..words.preprocessors import PREPROCESSORS  # most runs have no control

    return list(dict.fromkeys(key for row in PREPROCESSORS.values() for key in row.options))


def expanded(place: str) -> str:
    """`~/photo.jpg` behind an `=`, where not every shell sees that it is at home."""
    return str(Path(place).expanduser()) if place.startswith("~") and not Path(place).exists() else place


BESIDE = {
    "control": PictureOption(
        "image", "canny=photo.jpg:0.8", named=True, words=("preprocess", "resize", "type"), mapped=True
    ),
    "references": PictureOption(
        "img", "photo.jpg:0.6,kind=style", named=False, files=("mask",),
        words=("kind", "adapter", "weights", "combine", "crop"),
    ),
}  # fmt: skip


class BesideText(click.types.StringParamType):
    """The text of one of them."""

    def __init__(self, kind: PictureOption) -> None:
        self.kind = kind
        self.name = "model=file[:strength]" if kind.named else "file[:strength]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The text as it is; fails where it says nothing."""
        typed = str(super().convert(value, param, ctx))
        try:
            said = self.kind.parsed(typed)
        except ValueError as error:
            self.fail(f"{typed!r} {error}; it is said as {self.kind.example}.", param, ctx)
        for file in (said[name] for name in (self.kind.picture, *self.kind.files) if name in said):
            if not Path(file).is_file():
                self.fail(f"{file!r} is {'a folder' if Path(file).is_dir() else 'no file'}.", param, ctx)
        return typed

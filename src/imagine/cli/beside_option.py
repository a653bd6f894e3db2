"""What `--control canny=photo.jpg:0.8` and `--reference photo.jpg:0.6` say, checked where it is typed.

Behind the picture may stand how strongly, and then what else, by name: `canny=map.png:0.8,preprocess=none,end=0.5`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import click

from .numbers import finite

_STRENGTH = re.compile(r":(-?[0-9.]{1,20})$")
_NUMBERS = ("start", "end")
_MORE = re.compile(r",([a-z_]{1,20})=([^,=]*)$")


class PictureOption(NamedTuple):
    """One of the two options."""

    picture: str
    """The part of a request's object that holds the picture."""
    example: str
    named: bool
    """A name and `=` stand before the picture."""
    words: tuple[str, ...]

    def parsed(self, typed: str) -> dict[str, Any]:
        """What is said, with the picture's place in it. Raises ValueError, which says why it is nothing."""
        said, rest = dict[str, Any](), typed
        if self.named:
            name, equals, rest = typed.partition("=")
            if not (name and equals):
                raise ValueError("names no model")
            said["model"] = name
        more = dict[str, Any]()
        while (match := _MORE.search(rest)) and not Path(rest).exists():
            more[match[1]] = self._value(match[1], match[2])
            rest = rest[: match.start()]
        if (match := _STRENGTH.search(rest)) and not Path(rest).exists():
            said["strength"] = self._value("strength", match[1])
            rest = rest[: match.start()]
        if not rest:
            raise ValueError("names no picture")
        return said | {self.picture: rest} | more

    def _value(self, key: str, text: str) -> str | float:
        if key in self.words:
            return text
        if key not in ("strength", *_NUMBERS):
            known = ", ".join((*self.words, *_NUMBERS))
            raise ValueError(f"says {key!r}, which isn't one of: {known}")
        number = finite(text)
        if number is None:
            raise ValueError(f"says {key} {text!r}, which is no number")
        return number


BESIDE = {
    "control": PictureOption("image", "canny=photo.jpg:0.8", named=True, words=("preprocess", "resize", "type")),
    "references": PictureOption(
        "img", "photo.jpg:0.6,kind=style", named=False, words=("kind", "adapter", "weights", "combine", "crop")
    ),
}


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
        if not Path(said[self.kind.picture]).is_file():
            self.fail(f"{said[self.kind.picture]!r} is no file.", param, ctx)
        return typed

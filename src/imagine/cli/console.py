"""The one way out for a command's words: nothing from a file, a server or a prompt is obeyed by the terminal.

Control characters and those that turn the direction of text are written as escapes (`\\x1b`), for a person to see. A
path is exact where a program reads it.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from pathlib import Path

_TURNING = frozenset("\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
"""They print nothing and show what stands behind them elsewhere, or in another order."""


def printable(text: str, *, lines: bool = False) -> str:
    """`text` without anything that a terminal would obey; line ends and tabs stay where `lines` says so."""
    if text.isprintable() and _TURNING.isdisjoint(text):
        return text
    return "".join(_visible(character, allowed="\n\t" if lines else "") for character in text)


def write(text: str) -> None:
    """A line, or several, on stdout."""
    click.echo(printable(text, lines=True))


def write_json(value: object) -> None:
    """One object on a line of stdout; what isn't ASCII is escaped, as JSON can."""
    import json  # every command says something, few in JSON

    click.echo(json.dumps(value).replace("\x7f", "\\u007f"))


def write_path(path: Path) -> None:
    """A path on a line of stdout: its exact bytes for a program, safe characters for a terminal."""
    click.echo(printable(str(path)) if sys.stdout.isatty() else os.fsencode(path))


def note(text: str, *, lines: bool = False) -> None:
    """A line on stderr, or several. Nobody may be there to read it, as behind a terminal that was closed."""
    with contextlib.suppress(OSError):
        click.echo(printable(text, lines=lines), err=True)


def warn(text: Any) -> None:
    """A warning on stderr; `text` may be what a server calls one."""
    note(f"Warning: {text}")


def _visible(character: str, allowed: str) -> str:
    if character in allowed or (character not in _TURNING and not _commands(ord(character))):
        return character
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a file's name that is no UTF-8
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def _commands(code: int) -> bool:
    """Is it a control character, of seven bits or eight, or half of one that no output can hold?"""
    return code < 0x20 or 0x7F <= code < 0xA0 or 0xD800 <= code < 0xE000

"""What a command reads: regular files of bounded size, or standard input where `-` says so; text in UTF-8."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..files.reading import read_file
from ..messages import in_english
from ..words.errors import BadRequest, ImagineError

if TYPE_CHECKING:
    from ..pictures.metadata import Recipe

STDIN = "-"
_MAX_PROMPTS = 2**24
_MARKS = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
"""What some programs put before a text, and the encoding that it tells."""


def read_input(place: str | Path, field: str, most: int | None = None) -> bytes:
    """The bytes of a regular file, or of stdin for `-`; `most` of them is as many as a picture may have.

    Raises ImagineError where there is none or it is too long.
    """
    if most is None:
        from ..pictures.metadata import MAX_FILE

        most = MAX_FILE
    if str(place) == STDIN:
        data = stdin_bytes(most)
        if not data:
            raise BadRequest(in_english(f"{field} is -, and nothing came on standard input", field))
    else:
        return read_file(Path(place), most, field=field)
    if len(data) > most:
        raise BadRequest(in_english(f"{field}: standard input has more than {most >> 20} MB", field))
    return data


def recipe_from(place: str | Path, data: bytes, field: str) -> Recipe:
    """How the file of `place` says it was made. Raises ImagineError, by the file's name, where it doesn't."""
    from ..pictures.metadata import read_metadata  # most runs read no picture

    name = "standard input" if str(place) == STDIN else str(place)
    try:
        recipe = read_metadata(data, field=name)
    except BadRequest as error:
        damaged = " is damaged: it" if error.note.code == "recipe.unreadable" else ""
        raise ImagineError(error.note.about(field).called(name + damaged)) from error
    if recipe is None:
        why = "is empty" if not data else "is damaged" if _is_spoilt(data) else "does not say how it was made"
        raise ImagineError(in_english(f"{name} {why}", field))
    return recipe


def _is_spoilt(data: bytes) -> bool:
    """Does it begin as a picture of ours, and can't be read as one?"""
    from ..pictures.containers import sniff
    from ..pictures.images import decode

    if sniff(data) is not None:
        try:
            decode(data, field="it")
        except BadRequest as error:
            return error.note.code in ("picture.damaged", "picture.no_size")
    return False


def prompt_from_stdin() -> str:
    """The prompt that standard input says. Raises click.UsageError for none, and for what is no text."""
    from ..asking.request import MAX_PROMPT

    text = text_of(stdin_bytes(4 * MAX_PROMPT + 4), "standard input").strip()
    if not text:
        raise click.UsageError("The prompt is empty: nothing came on standard input.")
    return text


def prompts_from(place: str) -> list[str]:
    """The prompts in a file, or on stdin for `-`: one a line, but for blank lines. Raises click.UsageError for none."""
    lines = text_of(read_input(place, "prompts", _MAX_PROMPTS), place).splitlines()
    prompts = [line.strip() for line in lines if line.strip()]
    if not prompts:
        raise click.UsageError(f"There is no prompt in {place}.")
    return prompts


def text_of(data: bytes, place: str) -> str:
    """The text, without the mark that some programs begin it with. Raises click.UsageError for what is none."""
    mark = next((mark for mark in _MARKS if data.startswith(mark)), b"")
    try:
        return data[len(mark) :].decode(_MARKS.get(mark, "utf-8"))
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        message = f"{place} is no text in UTF-8: line {line} has the byte 0x{data[error.start]:02x}."
        raise click.UsageError(message) from error


def stdin_bytes(most: int) -> bytes:
    """All that comes on stdin, up to a byte more than `most`."""
    if sys.stdin is None or sys.stdin.closed:
        return b""
    return sys.stdin.buffer.read(most + 1)

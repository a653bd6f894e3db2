"""`imagine info FILE`: how a picture was made, from the file alone."""

from __future__ import annotations

import json
import re
from typing import Any

import click

from .console import printable, warn, write, write_json
from .inputs import read_input, recipe_from

_LONGEST = 2000
_DIGEST = re.compile("[0-9a-f]{64}")
_BEGINNING = 12


def recipe_in(place: str, data: bytes) -> dict[str, Any]:
    """What the PNG, JPEG, WebP or JSON of `place` says of its making, with the seed as text, as JSON should hold it.

    Raises ImagineError where it says nothing.
    """
    recipe = recipe_from(place, data, "file")
    for warning in recipe.warnings:
        warn(warning)
    seed = {"seed": str(recipe.meta["seed"])} if "seed" in recipe.meta else {}  # a browser's numbers end at 2^53
    return recipe.meta | seed


@click.command("info")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(file: str, as_json: bool) -> None:
    """Show how the picture in FILE, a PNG, JPEG, WebP or JSON, was made; - is stdin."""
    meta = recipe_in(file, read_input(file, "file"))
    if as_json:
        write_json(meta)
        return
    width = max(map(len, meta), default=0)
    for name, value in meta.items():
        text = _text(value)
        shown = text if len(text) <= _LONGEST else f"({len(text)} characters)"
        behind = "\n" + " " * (width + 4)  # further lines of a prompt are no fields
        write(f"{printable(name).ljust(width)}    {shown.replace(chr(10), behind)}")


def _text(value: Any) -> str:
    """A field as people read it: of several objects, as controls are, a line each, and a digest by its beginning."""
    if isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
        return "\n".join(map(_parts, value))
    return _parts(value) if isinstance(value, dict) else _plain(value)


def _parts(value: dict[str, Any]) -> str:
    return ", ".join(f"{name} {_part(part)}" for name, part in value.items())


def _part(value: Any) -> str:
    if isinstance(value, dict | list):
        return f"({_parts(value) if isinstance(value, dict) else _plain(value)})"
    return f"{value[:_BEGINNING]}…" if isinstance(value, str) and _DIGEST.fullmatch(value) else _plain(value)


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_part, value))
    return value if isinstance(value, str) else json.dumps(value)

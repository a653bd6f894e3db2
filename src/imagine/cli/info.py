"""`imagine info FILE`: how a picture was made, from the file alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from ..errors import ImagineError

_LONGEST = 2000


def recipe_in(path: Path) -> dict[str, Any]:
    """What a PNG, JPEG, WebP or JSON says of its making. Raises ImagineError where it says nothing."""
    from ..files.reading import read_file
    from ..metadata import MAX_FILE, read_metadata

    recipe = read_metadata(read_file(path, MAX_FILE, field="file"))
    if recipe is None:
        raise ImagineError(f"{path} does not say how it was made", field="file")
    for warning in recipe.warnings:
        click.echo(f"Warning: {warning}", err=True)
    return recipe.meta


@click.command("info")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(file: Path, as_json: bool) -> None:
    """Show how the picture in FILE, a PNG or JSON, was made."""
    meta = recipe_in(file)
    if as_json:
        click.echo(json.dumps(meta))
        return
    width = max(map(len, meta), default=0)
    for name, value in meta.items():
        text = value if isinstance(value, str) else json.dumps(value)
        shown = text if len(text) <= _LONGEST else f"({len(text)} characters)"
        click.echo(f"{name.ljust(width)}    {shown}")

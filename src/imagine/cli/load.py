"""`imagine load x.imagine.tar`: unpack a named model."""

from __future__ import annotations

from pathlib import Path

import click

from .console import note, write
from .own_models import registry_here


@click.command("load")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
def command(file: str) -> None:
    """Unpack the model in FILE, which `imagine save` packed. Each file is held against its digest; one that is here
    already isn't written twice."""
    from ..library.unpacking import unpack

    registry = registry_here()
    write(unpack(registry, Path(file), lambda name: note(f"with {name}")))

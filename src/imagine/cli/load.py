"""`imagine load x.imagine.tar`: unpack a named model."""

from __future__ import annotations

from pathlib import Path

import click

from ..words.errors import BadRequest
from .console import note, warn, write
from .own_models import registry_of_this_machine
from .presets import presets_here


@click.command("load")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
def command(file: str) -> None:
    """Unpack the model in FILE, which `imagine save` packed. Each file is held against its digest; one that is here
    already isn't written twice."""
    from ..asking.named_models import made_from
    from ..library import keeping
    from ..library.unpacking import unpack

    registry = registry_of_this_machine()
    name = unpack(registry, Path(file), made_from, lambda name: note(f"with {name}"))
    if preset := keeping.find(registry, name).made.preset:
        try:
            presets_here().find(preset)
        except BadRequest as error:
            warn(f"its preset doesn't come with it: {error}")
    write(name)

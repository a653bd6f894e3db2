"""`imagine tag MODEL NAME`: keep what a model is now under a second name."""

from __future__ import annotations

import click

from . import complete
from .console import write
from .own_models import registry_of_this_machine


@click.command("tag")
@click.argument("model", shell_complete=complete.models)
@click.argument("name")
def command(model: str, name: str) -> None:
    """Keep what MODEL is now as NAME, or NAME:TAG: of a named model its lines, of a file a line that names it. Unlike
    cp, it takes no file along, so it is for any model, the shipped one too."""
    from ..library import creating, keeping

    registry = registry_of_this_machine()
    creating.tag(registry, keeping.find(registry, model), name)
    write(creating.name_from(name))

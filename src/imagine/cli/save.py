"""`imagine save NAME -o x.imagine.tar`: pack a named model into one file."""

from __future__ import annotations

from pathlib import Path

import click

from . import complete
from .console import note, write
from .own_models import registry_of_this_machine
from .table import size_of


@click.command("save")
@click.argument("model", shell_complete=complete.models)
@click.option("-o", "--output", help="The file; otherwise NAME.imagine.tar here.")
@click.option("--no-weights", is_flag=True, help="Only what it says: its files have to be where it is loaded.")
@click.option("-f", "--force", is_flag=True, help="Replace a file that is there.")
def command(model: str, output: str | None, no_weights: bool, force: bool) -> None:
    """Pack MODEL and the files that it is made of into one file, which `imagine load` unpacks elsewhere."""
    from ..library import keeping
    from ..library.packing import pack

    registry = registry_of_this_machine()
    entry = keeping.find(registry, model)
    target = Path(output or f"{entry.name.replace(':', '-').replace('/', '-')}.imagine.tar")
    if target.exists() and not force:
        raise click.UsageError(f"{target} is there already: --force replaces it")
    size = pack(registry, entry, target, weights=not no_weights, told=lambda name: note(f"with {name}"))
    note(f"{entry.name} is packed: {size_of(size)}")
    write(str(target))

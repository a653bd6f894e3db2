"""`imagine cp MODEL NAME`: give a model a second name."""

from __future__ import annotations

import click

from . import complete, reach
from .console import write
from .own_models import registry_here


@click.command("cp")
@click.argument("model", shell_complete=complete.models)
@click.argument("name")
@click.option("-a", "--address", help="Have the server at HOST:PORT do it.")
def command(model: str, name: str, address: str | None) -> None:
    """Give MODEL the second name NAME. Both share their bytes on the disk, and either can be removed."""
    client = reach.named(address)
    if client is not None:
        client.change("POST", "/api/copy", {"source": model, "destination": name})
        write(name)
        return
    from ..library import keeping

    registry = registry_here()
    write(keeping.called(keeping.copy(keeping.find(registry, model), name, registry)))

"""`imagine rename MODEL NAME`: give a model another name."""

from __future__ import annotations

import click

from . import complete
from .console import write
from .own_models import registry_of_this_machine


@click.command("rename")
@click.argument("model", shell_complete=complete.models)
@click.argument("name")
def command(model: str, name: str) -> None:
    """Give MODEL the name NAME, with what lies beside it. Pictures' recipes find it by its digest all the same."""
    from ..library import keeping

    registry = registry_of_this_machine()
    write(keeping.called(keeping.rename(keeping.find(registry, model), name, registry)))

"""`imagine rm MODEL`: remove a model, and the parts that were pulled for it alone."""

from __future__ import annotations

import sys

import click

from . import complete, reach
from .console import note
from .own_models import registry_here
from .table import size_of


@click.command("rm")
@click.argument("models", nargs=-1, required=True, shell_complete=complete.models)
@click.option("-y", "--yes", is_flag=True, help="Don't ask.")
@click.option("-a", "--address", help="Have the server at HOST:PORT remove it.")
def command(models: tuple[str, ...], yes: bool, address: str | None) -> None:
    """Remove MODELS, and what was pulled for them and no other uses. A picture in the making still gets done."""
    client = reach.named(address)
    for name in models:
        if client is None:
            _remove_here(name, yes=yes)
        elif yes or _agreed(f"Remove {name} from {client.address}?"):
            client.change("DELETE", "/api/delete", {"model": name})
            note(f"{name} is removed")


def _remove_here(name: str, *, yes: bool) -> None:
    from ..library import keeping

    registry = registry_here()
    removal = keeping.removal_of(keeping.find(registry, name), registry)
    for part in removal.parts:
        note(f"with it goes {part.name}, which was pulled for it and nothing else uses")
    for part in removal.kept:
        note(f"{part.name} stays")
    if yes or _agreed(f"Remove {removal.entry.name}, {size_of(removal.size)}?"):
        keeping.remove(removal, registry.roots)
        note(f"{removal.entry.name} is removed: {size_of(removal.size)}")


def _agreed(question: str) -> bool:
    if not sys.stdin.isatty():
        raise click.UsageError("nobody is there to be asked: --yes removes it")
    return click.confirm(question, default=False, err=True)

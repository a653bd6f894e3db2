"""`imagine stop MODEL`: unload a model."""

from __future__ import annotations

import click

from . import reach
from .list import complete_model


@click.command("stop")
@click.argument("model", shell_complete=complete_model)
@click.option("-a", "--address", help="The server to ask, HOST:PORT.")
def command(model: str, address: str | None) -> None:
    """Unload MODEL once no picture uses it."""
    reach.required(address).unload(model)

"""`imagine stop MODEL`: unload a model."""

from __future__ import annotations

import click

from . import complete, reach
from .console import note


@click.command("stop")
@click.argument("model", shell_complete=complete.loaded)
@click.option("-a", "--address", help="The server to ask, HOST:PORT.")
def command(model: str, address: str | None) -> None:
    """Unload MODEL once no picture uses it. Where no server runs, none is loaded."""
    client = reach.running(address)
    if client is None:
        note("no server is running, so no model is loaded")
        return
    loaded = {entry["name"] for entry in client.loaded()}
    name = client.unload(model)["unloaded"]
    note(f"{name} is unloaded" if name in loaded else f"{name} was not loaded")

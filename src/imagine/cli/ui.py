"""`imagine ui`: open the server's page in a browser."""

from __future__ import annotations

import click

from ..client.address import Address
from ..messages import in_english
from ..words.errors import ImagineError
from . import reach
from .console import note


@click.command("ui")
@click.option("-a", "--address", help="The server whose page to open, HOST:PORT.")
def command(address: str | None) -> None:
    """Open the page of the server in a browser."""
    import webbrowser

    from ..processes.runtime import forget_own_libraries

    client = reach.required(address)
    if client.address.socket is not None:
        raise ImagineError(in_english(f"a browser needs a server at {Address()}, run 'imagine serve' to start it"))
    forget_own_libraries()
    if not webbrowser.open(f"{client.address}/"):
        note(f"open {client.address}/ in a browser")

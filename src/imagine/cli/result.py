"""`imagine result ID`: the pictures of a detached order that has ended, without waiting for one that hasn't."""

from __future__ import annotations

import click

from ..messages import in_english
from ..words.errors import ImagineError
from . import complete, reach


@click.command("result")
@click.argument("order", metavar="ID", shell_complete=complete.orders)
@click.option("-o", "--output", type=click.Path(), help="As of `imagine run`.")
@click.option("--show", is_flag=True, help="Show the picture in the terminal.")
@click.option("-a", "--address", help="The server to ask, HOST:PORT.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line for each event, instead of paths.")
def command(order: str, output: str | None, show: bool, address: str | None, as_json: bool) -> None:
    """Save the pictures of the detached order ID, which has ended. They are kept for a day, unless the server says
    otherwise."""
    from .attach import save
    from .signals import unwinding

    client = reach.running_or_started(address)
    state = client.detached_order(order)["state"]
    if state in ("queued", "running"):
        raise ImagineError(in_english(f"the order is {state}; wait for it: imagine attach {order}"))
    with unwinding():
        save(client, order, output, show=show, as_json=as_json)

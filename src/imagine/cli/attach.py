"""`imagine attach ID`: what `imagine run` would have shown of a detached order, from now on to its end."""

from __future__ import annotations

import base64
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import click

from . import complete, reach
from .console import note
from .exits import DONE, INTERRUPTED

if TYPE_CHECKING:
    from ..client.client import Client

_OURS = ("snapshot", "end")
"""Lines that a request of one's own hasn't."""


@click.command("attach")
@click.argument("order", metavar="ID", shell_complete=complete.orders)
@click.option("-o", "--output", type=click.Path(), help="As of `imagine run`.")
@click.option("--show", is_flag=True, help="Show the picture in the terminal.")
@click.option("-a", "--address", help="The server to ask, HOST:PORT.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line for each event, instead of paths.")
def command(order: str, output: str | None, show: bool, address: str | None, as_json: bool) -> int:
    """Wait for the pictures of the detached order ID, and save them as `imagine run` does.

    Ctrl-C leaves the order as it is; so does a server that is started again.
    """
    from .signals import unwinding

    client = reach.running_or_started(address)
    with unwinding():
        try:
            save(client, order, output, show=show, as_json=as_json)
        except KeyboardInterrupt:
            note(f"the order goes on: imagine attach {order}")
            return INTERRUPTED
    return DONE


def save(client: Client, order: str, output: str | None, *, show: bool, as_json: bool) -> None:
    """Puts an order's pictures where `output` says, as they come. Raises ImagineError, click.UsageError."""
    from .destination import destination_of
    from .outputs import outputs_of
    from .painting import Painter
    from .terminal import screen_for_show

    place = destination_of(output)
    count = max(1, len(client.detached_order(order)["pictures"]))
    if place.stream is not None and (as_json or count > 1):
        other = "--json" if as_json else "several pictures"
        raise click.UsageError(f"--output {place.stream} is one picture's bytes; {other} can't be with it.")
    screen = screen_for_show() if show else None
    painter = Painter(client, screen, as_json=as_json)
    painter.show(_lines(client, order, as_json=as_json), {}, outputs_of(place, count, {}))


def _lines(client: Client, order: str, *, as_json: bool) -> Generator[dict[str, Any], None, None]:
    """The lines as `imagine run` knows them, with the pictures in them. Raises ResponseError where the order fails."""
    from ..client.client import ResponseError
    from ..messages import in_english

    for line in client.follow(order):
        if line["status"] == "end" and "error" in line:
            raise ResponseError(in_english(str(line["error"])), code=str(line.get("code", "")))
        if line["status"] == "final":
            line["img"] = base64.b64encode(client.picture(line["url"])).decode("ascii")
        if as_json or line["status"] not in _OURS:
            yield line

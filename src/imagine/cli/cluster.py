"""`imagine cluster`: what to run so that machines become a Ray cluster, for `imagine serve --cluster`."""

from __future__ import annotations

import os
import shlex
import sys
from typing import TYPE_CHECKING

import click

from .console import note, write

if TYPE_CHECKING:
    from ..machines.ray.starting import Starting

_STORE = 256 * 2**20
"""Bytes of what is on its way to and from a machine: pictures, and no weights."""


@click.command("cluster")
@click.argument("action", type=click.Choice(["start", "join"]))
@click.argument("head", metavar="[HEAD:PORT]", required=False)
@click.option("--address", help="This machine's address, as the others reach it; otherwise its only private one.")
@click.option("--port", type=click.IntRange(1, 65535), default=6379, show_default=True, help="The head's port.")
@click.option("--processors", type=click.IntRange(0, 64), default=None, metavar="N",
              help="Workers on this machine's processor; otherwise one, where there is no GPU.")  # fmt: skip
@click.option("--fetch", type=click.FloatRange(0, 1e6), default=None, metavar="GB",
              help="Of this machine's disk for models from the server, 0 for none; otherwise 100.")  # fmt: skip
@click.option("--run", is_flag=True, help="Run it, in place of this command.")
def command(
    action: str, head: str | None, address: str | None, port: int, processors: int | None, fetch: float | None,
    run: bool,
) -> None:  # fmt: skip
    """Print what makes this machine a cluster's head (start), or one of its others (join HEAD:PORT).

    The head belongs beside the server, which is then started with --cluster auto and keeps its own devices. Whoever
    has the cluster's token runs code on all of its machines, so none is started or joined without one.
    """
    from ..machines.ray import starting
    from ..machines.ray.token import check_token

    if (action == "join") != (head is not None):
        raise click.UsageError("join wants the head's HOST:PORT, and start none.")
    here = starting.check_ray()
    check_token()
    own = starting.own_address(address, _addresses())
    if head is None:
        begun = starting.head(own, port, _STORE, starting.own_folder(os.getuid()))
        hint = f"then here: imagine serve --cluster auto; and on each other machine: imagine cluster join {own}:{port}"
    else:
        workers = processors if processors is not None else int(not starting.has_gpu())
        begun = starting.other(starting.head_at(head), own, workers, _STORE, fetch)
        hint = "it has the same Imagine as the server, the same Ray as the head, and the cluster's token"
    note(f"Ray {here}, by {own}; {hint}")
    if run:
        _become(begun)
    for name, value in begun.environment.items():
        write(f"export {name}={value}")
    write(shlex.join(begun.arguments))


def _become(begun: Starting) -> None:
    from ..machines.ray.starting import environment_of

    arguments = [sys.executable, "-m", "ray.scripts.scripts", *begun.arguments[1:]]
    os.execve(sys.executable, arguments, environment_of(begun))  # noqa: S606 - that is what was asked for


def _addresses() -> list[str]:
    import psutil

    return [each.address for addresses in psutil.net_if_addrs().values() for each in addresses]

"""`imagine ps`: the models that are loaded, their memory, and until when."""

from __future__ import annotations

from typing import Any

import click

from . import reach
from .console import write, write_json
from .table import WAYS, size_of, span, table


@click.command("ps")
@click.option("-a", "--address", help="The server to ask, HOST:PORT.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(address: str | None, as_json: bool) -> None:
    """List the models that are loaded."""
    client = reach.running(address)
    loaded = [{"name": e["name"]} | e["loaded"] for e in client.loaded()] if client else []
    if as_json:
        write_json(loaded)
        return
    device = ", ".join(d["device"] for d in client.health()["devices"]) if client else ""
    rows = [[e["name"], size_of(e["size"]), _where(device, e.get("way", "all")), _until(e)] for e in loaded]
    write(table(["NAME", "SIZE", "PROCESSOR", "UNTIL"], rows))


def _where(device: str, way: str) -> str:
    """On which device, and how, where not all of it is there."""
    return device if way == "all" else f"{device} ({WAYS[way]})"


def _until(entry: dict[str, Any]) -> str:
    left = entry["expires_in"]
    return "Forever" if left is None or left < 0 else f"{span(left)} from now"

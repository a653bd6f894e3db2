"""`imagine jobs`: the detached orders there are, and how far each is; `--cancel` takes one back."""

from __future__ import annotations

from typing import Any

import click

from . import complete, reach
from .console import note, printable, write, write_json
from .table import ago, table


@click.command("jobs")
@click.option("--cancel", metavar="ID", help="Take this one back.", shell_complete=complete.orders)
@click.option("--all", "everybodys", is_flag=True, help="Everybody's, with a key for admin, or the server's own.")
@click.option("-a", "--address", help="The server to ask, HOST:PORT.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(cancel: str | None, everybodys: bool, address: str | None, as_json: bool) -> None:
    """List your detached orders, the newest first. They were made by `imagine run --detach`, or by POST /jobs."""
    client = reach.running(address)
    if client is None:
        note("no server is running; what waits goes on once one is: imagine serve")
        return
    if cancel is not None:
        order = client.take_back(cancel)
        if as_json:
            write_json(order)
        else:
            note(f"{order['id']} is taken back" if "cancelled" in order else f"{order['id']} had {order['state']}")
        return
    orders = client.detached(everybodys=everybodys)
    if as_json:
        write_json(orders)
        return
    rows = [[each["id"], each["state"], _told(each), ago(each["created"])] for each in orders]
    if everybodys:
        rows = [[*row, printable(each.get("key") or "")] for row, each in zip(rows, orders, strict=True)]
    write(table(["ID", "STATE", "", "CREATED", *(["KEY"] if everybodys else [])], rows))


def _told(order: dict[str, Any]) -> str:
    """How far it is, in a few words."""
    pictures = order["pictures"]
    match order["state"]:
        case "queued":
            return f"{order['position']} before it"
        case "running":
            steps = sum(each.get("step", 0) for each in pictures)
            of = sum(each.get("steps", 0) for each in pictures)
            done = sum(each["state"] == "finished" for each in pictures)
            told = f"step {steps} of {of}" if of else ""
            return ", ".join(filter(None, [told, f"{done} of {len(pictures)} done" if len(pictures) > 1 else ""]))
        case "succeeded":
            return "1 picture" if len(pictures) == 1 else f"{len(pictures)} pictures"
    return str(order.get("error", ""))

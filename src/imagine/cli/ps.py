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
    devices = client.health()["devices"] if client else []
    anywhere = ", ".join(each["device"] for each in devices)
    rows = [[e["name"], size_of(e["size"]), _where(_places(e, anywhere)), _until(e)] for e in loaded]
    write(table(["NAME", "SIZE", "PROCESSOR", "UNTIL"], rows))
    if len(devices) > 1:
        write(
            "\n"
            + table(
                ["DEVICE", "STATE", "RUNNING", "MODELS", "SIZE", "RESTARTS", "NAME"],
                [_device(each) for each in devices],
            )
        )


def _places(entry: dict[str, Any], anywhere: str) -> list[dict[str, Any]]:
    """Where it is; `anywhere` where the server, an older one, doesn't say."""
    unsaid = {"device": anywhere, "size": entry["size"], "way": entry.get("way", "all")}
    return entry.get("devices") or [unsaid]


def _where(devices: list[dict[str, Any]]) -> str:
    """On which devices, how much of it where there are several, and how, where not all of it is there."""
    told = []
    for each in devices:
        size = size_of(each["size"]) if len(devices) > 1 else ""
        how = ", ".join(filter(None, (size, "" if each["way"] == "all" else WAYS[each["way"]])))
        told.append(f"{each['device']} ({how})" if how else each["device"])
    return ", ".join(told)


def _device(each: dict[str, Any]) -> list[str]:
    """A line of one; why it is broken, or what it fetches, in the place of its name."""
    state, about = each["state"], each["problem"] or _fetching(each.get("fetching")) or each["name"]
    return [each["device"], state, *(str(each[name]) for name in ("running", "models")), size_of(each["size"]),
            str(each["restarts"]), about]  # fmt: skip


def _fetching(told: dict[str, Any] | None) -> str:
    """What it has coming, or why that didn't come."""
    if told is None or told["problem"]:
        return told["problem"] if told else ""
    return f"fetching {size_of(told['done'])} of {size_of(told['size'])}"


def _until(entry: dict[str, Any]) -> str:
    left = entry["expires_in"]
    return "Forever" if left is None or left < 0 else f"{span(left)} from now"

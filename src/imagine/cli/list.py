"""`imagine list`: the models there are, asked of the server or read from the folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from . import reach
from .console import write, write_json
from .table import ago, size_of, table

_SHOWN = ("name", "family", "size", "modified", "shipped")


@click.command("list")
@click.argument("prefix", default="")
@click.option("-a", "--address", help="The server to ask, HOST:PORT.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(prefix: str, address: str | None, as_json: bool) -> None:
    """List the models, those whose names begin with PREFIX."""
    client = reach.running(address)
    details = client.models()["details"] if client else in_folders()
    found = [entry for entry in details if entry["name"].startswith(prefix)]
    if as_json:
        write_json(found)
        return
    rows = [[e["name"], e["family"], size_of(e["size"]), ago(e["modified"])] for e in found]
    write(table(["NAME", "FAMILY", "SIZE", "MODIFIED"], rows))


def in_folders(roots: Sequence[Path] | None = None) -> list[dict[str, Any]]:
    """The models in these folders (if None, those of the environment), as a server would tell them."""
    from ..model_folders import roots_from
    from ..registry.registry import Registry
    from ..shipped import folder

    registry = Registry(
        roots_from(os.environ) if roots is None else roots, shipped=sorted(folder().glob("*.safetensors"))
    )
    registry.refresh()
    return [{name: getattr(entry, name) for name in _SHOWN} for entry in registry.models()]

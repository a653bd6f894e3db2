"""`imagine list`: the models there are, asked of the server or read from the folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import reach
from .console import note, write, write_json
from .disk import on_disk, parts_column, size_column
from .table import ago, counted, size_of, table

if TYPE_CHECKING:
    from ..client.client import Client
    from ..registry.registry import Registry
    from ..words.entry import Entry

_MODELS = ("checkpoint", "diffusion-model")


@click.command("list")
@click.argument("prefix", default="")
@click.option("-A", "--all", "everything", is_flag=True, help="Every file: what it is, and why it can't be used.")
@click.option("-a", "--address", help="The server to ask, HOST:PORT.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(prefix: str, everything: bool, address: str | None, as_json: bool) -> None:
    """List the models, those whose names begin with PREFIX."""
    client = reach.running(address)
    found = [entry for entry in every_file(client, exact=as_json) if entry["name"].startswith(prefix)]
    matching = found if everything else [entry for entry in found if "defaults" in entry]
    if as_json:
        write_json(matching)
    elif everything:
        kinds = {kind: place for place, kind in enumerate(dict.fromkeys(entry.get("kind") for entry in matching))}
        matching.sort(key=lambda entry: kinds[entry.get("kind")])
        rows = [[e["name"], e.get("kind") or "", _family(e), size_column(e), e.get("use") or ""] for e in matching]
        write(table(["NAME", "KIND", "FAMILY", "SIZE", "USABLE"], rows))
        note(f"{counted(len(matching), 'file')}, {size_of(on_disk(matching))} on the disk")
    else:
        parts = parts_column(found)
        own = ["PARTS"] if any(parts[entry["name"]] for entry in matching) else []
        far = ["ON"] if any(entry.get("place") for entry in matching) else []
        rows = [
            [e["name"], _family(e), size_column(e), *(parts[e["name"]] for _ in own),
             *(e.get("place", "") for _ in far), ago(e["modified"])]
            for e in matching
        ]  # fmt: skip
        write(table(["NAME", "FAMILY", "SIZE", *own, *far, "MODIFIED"], rows))
        if left := sum(entry.get("kind") in _MODELS and "defaults" not in entry for entry in found):
            note(f"{left} more can't be drawn with as things are: imagine list --all says why")


def _family(entry: dict[str, Any]) -> str:
    """Of a model with which of its kinds it is, where that is told: `flux schnell`."""
    variant = entry.get("variant") if entry.get("kind") in _MODELS else ""
    return " ".join(filter(None, [entry["family"], variant]))


def every_file(client: Client | None, *, memory: bool = False, exact: bool = False) -> list[dict[str, Any]]:
    """The models, and then every other file by kind, of the server, or where there is none, of the folders."""
    if client is None:
        return in_folders(everything=True, memory=memory, exact=exact)
    answer = client.models()
    return [*answer["details"], *answer["others"]]


def in_folders(
    roots: Sequence[Path] | None = None, *, everything: bool = False, memory: bool = False, exact: bool = False
) -> list[dict[str, Any]]:
    """The models in these folders (if None, those of the environment), as a server would tell them.

    `everything`: and every other file behind them. `memory`: and what each needs of a device's. `exact`: its defaults
    are its own, and not only its family's.
    """
    from ..families.defaults import defaults_of
    from ..files.model_folders import roots_from
    from ..files.shipped import models
    from ..registry.registry import Registry
    from ..registry.same_files import names_of_the_same
    from ..registry.shown import shown

    registry = Registry(roots_from(os.environ) if roots is None else roots, shipped=models())
    registry.refresh()
    same = names_of_the_same(registry.files())

    def told(entry: Entry) -> dict[str, Any]:
        return shown(entry) | ({"same_as": same[entry.path]} if entry.path in same else {})

    defaults = (lambda entry: _own_defaults(entry, registry)) if exact else defaults_of
    listed = [told(entry) | {"defaults": defaults(entry)} for entry in registry.models()]
    if memory:
        from ..registry.memory_needed import memory_of

        listed = [each | {"memory": memory_of(entry)} for each, entry in zip(listed, registry.models(), strict=True)]
    others = [told(entry) for entry in registry.files() if not entry.generates] if everything else []
    return listed + others


def _own_defaults(entry: Entry, registry: Registry) -> dict[str, Any]:
    """What a request that doesn't say it gets, but for what a server's configuration says."""
    import msgspec

    from ..asking.named_models import defaults_from
    from ..asking.resolve import stated_by

    defaults, each = stated_by(entry), entry
    own = defaults_from(each.made)
    while each.is_named:
        each = registry.find_alike(each.made.base)
        own = own.over(defaults_from(each.made))
    told: dict[str, Any] = msgspec.to_builtins(own.over(defaults))
    return told

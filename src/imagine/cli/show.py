"""`imagine show MODEL`: what is known of a model, asked of the server or read from the folder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from ..errors import ModelNotFound
from ..registry.matching import matching, similar
from . import complete, reach
from .console import write, write_json
from .list import in_folders
from .table import ago, moment, size_of, span

_FOR_PROGRAMS = ("header_digest",)
_WORDS: dict[str, Callable[[Any], str]] = {
    "size": size_of,
    "modified": lambda seconds: f"{moment(seconds)} ({ago(seconds)})",
    "parameters": lambda count: f"{count / 1e9:.1f} billion" if count >= 1e9 else f"{count / 1e6:.0f} million",
    "shipped": lambda shipped: "yes" if shipped else "no",
    "expires_in": lambda seconds: f"for {span(seconds)}" if seconds >= 0 else "for ever",
}


@click.command("show")
@click.argument("model", shell_complete=complete.models)
@click.option("-a", "--address", help="The server to ask, HOST:PORT.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(model: str, address: str | None, as_json: bool) -> None:
    """Show what is known of MODEL."""
    client = reach.running(address)
    entries = {entry["name"]: entry for entry in (client.models()["details"] if client else in_folders())}
    name = matching(model, entries)
    if name is None:
        raise ModelNotFound(model, similar=similar(model, entries))
    entry = client.model(name) if client else entries[name]
    if as_json:
        write_json(entry)
        return
    said = {field: value for field, value in entry.items() if value and field not in _FOR_PROGRAMS}
    write("\n".join(f"{field:<12}{_words(field, value)}" for field, value in said.items()))


def _words(field: str, value: Any) -> str:
    if field in _WORDS:
        return _WORDS[field](value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {_words(name, part)}" for name, part in value.items() if part is not None)
    return str(value)

"""`imagine show MODEL`: what is known of a model."""

from __future__ import annotations

import json

import click

from ..errors import ModelNotFound
from . import reach
from .list import complete_model


@click.command("show")
@click.argument("model", shell_complete=complete_model)
@click.option("-a", "--address", help="The server to ask, HOST:PORT.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(model: str, address: str | None, as_json: bool) -> None:
    """Show what the server knows of MODEL."""
    for entry in reach.required(address).models()["details"]:
        if entry["name"] == model:
            lines = [f"{name:<12}{_words(value)}" for name, value in entry.items() if value]
            click.echo(json.dumps(entry) if as_json else "\n".join(lines))
            return
    raise ModelNotFound(model)


def _words(value: object) -> str:
    return ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else str(value)

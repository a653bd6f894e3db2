"""`imagine presets`: the styles there are, asked of the server or read from the files, and what one of them does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..messages import in_english
from ..words.errors import BadRequest
from . import complete, reach
from .console import write, write_json
from .table import table

if TYPE_CHECKING:
    from ..settings.preset_files import Presets

_LONGEST = 80


@click.command("presets")
@click.argument("name", required=False, shell_complete=complete.presets)
@click.option("-a", "--address", help="The server to ask, HOST:PORT.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(name: str | None, address: str | None, as_json: bool) -> None:
    """List the style presets that `imagine run --preset` takes, or show what the one called NAME does."""
    client = reach.running(address)
    presets = client.presets()["presets"] if client else in_files()
    if name is not None:
        presets = [preset for preset in presets if preset["name"] == name]
        if not presets:
            raise BadRequest(in_english(f"preset '{name}' doesn't exist; `imagine presets` lists those there are"))
    if as_json:
        write_json(presets[0] if name is not None else presets)
    elif name is not None:
        write("\n".join(f"{field:<15}{value}" for field, value in presets[0].items()))
    else:
        write(table(["NAME", "DESCRIPTION"], [[preset["name"], _words(preset)] for preset in presets]))


def in_files() -> list[dict[str, Any]]:
    """The presets as a server of this environment's settings would tell them."""
    return presets_here().listed()


def presets_here() -> Presets:
    """The presets that a server of this environment's settings would have."""
    from ..settings.preset_files import presets_of
    from ..settings.settings import settings_from

    presets = presets_of(settings_from()[0])
    presets.check()
    return presets


def _words(preset: dict[str, Any]) -> str:
    """What to choose it by: its description, or else what it adds."""
    added = " … ".join(preset[part].strip() for part in ("prompt_prefix", "prompt_suffix") if part in preset)
    text = " ".join((preset.get("description") or added).split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"

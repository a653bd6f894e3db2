"""`imagine verify-models`: read pulled files whole, and hold them against the digests that they came with."""

from __future__ import annotations

from pathlib import Path

import click

from . import complete
from .console import write, write_json
from .exits import DONE, FAILED
from .own_models import registry_of_this_machine
from .pull_bars import Bars
from .table import size_of, table


@click.command("verify-models")
@click.argument("names", nargs=-1, shell_complete=complete.models)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(names: tuple[str, ...], as_json: bool) -> int:
    """Read the files NAMES, or all that were pulled, and say which are whole: exit status 1 where one isn't."""
    from ..library import keeping
    from ..library.record import record_of

    registry = registry_of_this_machine()
    entries = [keeping.find(registry, name) for name in names]
    if not names:
        entries = [entry for entry in registry.files() if record_of(Path(entry.path)) is not None]
    with Bars(hidden=as_json) as bars:
        checked = list(keeping.verified(entries, bars.move))
    if as_json:
        for each in checked:
            write_json({"name": each.name, "state": each.state, "size": each.size})
    else:
        write(table(["NAME", "SIZE", "STATE"], [[each.name, size_of(each.size), each.state] for each in checked]))
    return FAILED if any(each.is_bad for each in checked) else DONE

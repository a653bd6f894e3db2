"""`imagine help [COMMAND]`: what `--help` says."""

from __future__ import annotations

import click

from . import complete
from .console import write


@click.command("help")
@click.argument("name", required=False, metavar="[COMMAND]", shell_complete=complete.commands)
@click.pass_context
def command(ctx: click.Context, name: str | None) -> None:
    """Explain COMMAND, or list all commands."""
    parent = ctx.find_root()
    if name is None:
        write(parent.get_help())
        return
    from .main import unknown_command

    assert isinstance(parent.command, click.Group)
    target = parent.command.get_command(parent, name)
    if target is None:
        raise click.UsageError(unknown_command(name), parent)
    write(target.get_help(click.Context(target, info_name=name, parent=parent, **target.context_settings)))

"""The commands there are, and what a user sees when one fails."""

from __future__ import annotations

import importlib
import os
import sys
from typing import NamedTuple

import click

from .. import __version__
from ..errors import ImagineError

INTERRUPTED = 130


class Command(NamedTuple):
    """Where a command lies, and its line in `imagine --help`."""

    module: str
    help: str


COMMANDS = {
    "serve": Command("serve", "Start the server."),
    "run": Command("run", "Make a picture."),
    "list": Command("list", "List the models."),
    "presets": Command("presets", "List the style presets."),
    "show": Command("show", "Show what is known of a model."),
    "ps": Command("ps", "List the models that are loaded."),
    "stop": Command("stop", "Unload a model."),
    "info": Command("info", "Show how a picture was made."),
    "convert": Command("convert", "Turn a PNG into a JSON, or a JSON into a PNG."),
    "verify": Command("verify", "Make pictures again and compare."),
    "ui": Command("ui", "Open the page in a browser."),
}
ALIASES = {"ls": "list", "start": "serve"}


class Commands(click.Group):
    """A group that imports a command's file only when that command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names, in the order of `COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """The command of that name or alias, None for none."""
        entry = COMMANDS.get(ALIASES.get(cmd_name, cmd_name))
        if entry is None:
            return None
        command = importlib.import_module(f"imagine.cli.{entry.module}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """The table of commands, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])


@click.group(cls=Commands, context_settings={"help_option_names": ["--help"]})
@click.version_option(__version__, "--version", message="imagine %(version)s")
def cli() -> None:
    """Pictures from words, on this machine."""


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line and exits: 0, 1 for what went wrong, 2 for what was typed wrong, 130 for Ctrl-C."""
    try:
        status = cli.main(args=arguments, prog_name="imagine", standalone_mode=False)
    except click.Abort:
        click.echo("cancelled", err=True)
        sys.exit(INTERRUPTED)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except ImagineError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)
    except BrokenPipeError:  # as of `imagine list | head`: who read has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nor can the rest be flushed at the end
        sys.exit(1)
    except OSError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)
    sys.exit(status if isinstance(status, int) else 0)

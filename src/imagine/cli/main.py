"""The commands there are, and what a user sees when one fails."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any, NamedTuple

import click

from .. import __version__
from ..words.errors import ImagineError
from .exits import DONE, Ended, status_after


class CommandEntry(NamedTuple):
    """Where a command lies, and its line in `imagine --help`."""

    module: str
    help: str


COMMANDS = {
    "serve": CommandEntry("serve", "Start the server."),
    "run": CommandEntry("run", "Make a picture."),
    "upscale": CommandEntry("upscale", "Enlarge a picture."),
    "preprocess": CommandEntry("preprocess", "Make a picture's map, which a control follows."),
    "pull": CommandEntry("pull", "Bring a model here."),
    "list": CommandEntry("list", "List the models."),
    "presets": CommandEntry("presets", "List the style presets."),
    "show": CommandEntry("show", "Show what is known of a model."),
    "create": CommandEntry("create", "Make a named model of others."),
    "tag": CommandEntry("tag", "Keep what a model is now under a second name."),
    "save": CommandEntry("save", "Pack a named model into one file."),
    "load": CommandEntry("load", "Unpack a named model."),
    "cp": CommandEntry("copy", "Give a model a second name."),
    "rename": CommandEntry("rename", "Give a model another name."),
    "rm": CommandEntry("remove", "Remove a model."),
    "doctor": CommandEntry("doctor", "Say what is wrong here, and which models fit."),
    "verify-models": CommandEntry("verify_models", "Hold pulled files against their digests."),
    "jobs": CommandEntry("jobs", "List your detached orders, or take one back."),
    "attach": CommandEntry("attach", "Wait for a detached order's pictures."),
    "result": CommandEntry("result", "Fetch a detached order's pictures."),
    "keys": CommandEntry("keys", "List the keys that have names, or make one."),
    "ps": CommandEntry("ps", "List the models that are loaded."),
    "stop": CommandEntry("stop", "Unload a model."),
    "info": CommandEntry("info", "Show how a picture was made."),
    "inspect": CommandEntry("inspect", "Say where a picture comes from."),
    "convert": CommandEntry("convert", "Turn a PNG into a JSON, or a JSON into a PNG."),
    "verify": CommandEntry("verify", "Make pictures again and compare."),
    "provenance": CommandEntry("provenance", "Show, renew or export what pictures are signed with."),
    "train": CommandEntry("train", "Train a LoRA on a folder of pictures."),
    "cluster": CommandEntry("cluster", "Say what to run for a cluster of machines (Ray)."),
    "mcp": CommandEntry("mcp", "Lend the server to an agent (MCP)."),
    "ui": CommandEntry("ui", "Open the page in a browser."),
    "help": CommandEntry("help", "Explain a command."),
    "version": CommandEntry("version", "Say which version this is."),
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

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does; of a name that is none, says which one it may have been meant to be."""
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            ctx.fail(unknown_command(args[0]))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """The table of commands, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])


def unknown_command(name: str) -> str:
    """A sentence on a command that doesn't exist."""
    from ..words.model_names import similar

    near = similar(name, [*COMMANDS, *ALIASES])
    return f"No such command '{name}'." + (f" Did you mean {' or '.join(near)}?" if near else "")


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-v", "--version", message="imagine %(version)s")
def cli() -> None:
    """Pictures from words, on this machine."""


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line and exits with a status of `exits.EXITS`."""
    for stream in (sys.stdout, sys.stderr):
        _never_fail(stream)
    if "_IMAGINE_COMPLETE" in os.environ:
        from .bash_words import join_words

        join_words()
    try:
        status = cli.main(args=arguments, prog_name="imagine", standalone_mode=False)
    except (click.Abort, click.ClickException, ImagineError, OSError, KeyboardInterrupt, Ended) as error:
        sys.exit(status_after(error))
    sys.exit(status if isinstance(status, int) else DONE)


def _never_fail(stream: Any) -> None:
    """What the stream's encoding has no place for is written as an escape."""
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="backslashreplace")

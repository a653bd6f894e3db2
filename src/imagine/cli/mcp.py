"""`imagine mcp`: the server's tools for an agent that starts a program and talks to it by its input and output."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from . import reach
from .mcp_bridge import Bridge
from .mcp_folders import AgentFolders


@click.command("mcp")
@click.option("-a", "--address", help="The server to ask, HOST:PORT.")
@click.option(
    "--folder", "folders", multiple=True, metavar="FOLDER",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Where the agent may name pictures, and the first of them is where new ones are saved; may be said again. "
    "None: it names and saves no files.",
)  # fmt: skip
def command(address: str | None, folders: tuple[Path, ...]) -> None:
    """Lend the server to an agent (MCP)."""

    def write(line: bytes) -> None:
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()

    Bridge(lambda: reach.running_or_started(address), AgentFolders(folders), write).serve(sys.stdin.buffer)

"""`imagine version`: which version this is."""

from __future__ import annotations

import click

from .. import __version__
from .console import write


@click.command("version")
def command() -> None:
    """Say which version this is."""
    write(f"imagine {__version__}")

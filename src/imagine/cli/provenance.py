"""`imagine provenance show|rotate|export`: who signs the pictures that are made here."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import click

from ..files.model_folders import home_from
from ..files.writing import write_atomically
from ..messages import in_english
from ..provenance import certificates, identity
from ..provenance.identity import IdentityPlace
from ..words.errors import ImagineError
from .console import printable, write, write_json
from .signed_copy import own_identity


@click.command("provenance")
@click.argument("action", type=click.Choice(["show", "rotate", "export"]))
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), required=False)
@click.option("--json", "as_json", is_flag=True, help="What is shown, as JSON.")
def command(action: str, file: Path | None, as_json: bool) -> None:
    """Show what pictures are signed with, rotate it, or export its public half, to FILE or to standard output.

    After rotate a new key signs, so that new pictures can't be told to come from where those before do; those are still
    known here, and a server that runs takes the new key for its next picture.
    """
    if file is not None and action != "export":
        raise click.UsageError(f"{action} takes no FILE.")
    if action == "show":
        _show(as_json)
    elif action == "rotate":
        _rotate()
    else:
        _export(file)


def _show(as_json: bool) -> None:
    place = _place()
    told = certificates.described(own_identity().certificates)
    about = told | {"file": str(place.files[0]), "before": identity.known_before(place.folder)}
    if as_json:
        write_json(about)
    else:
        write("\n".join(f"{name:<11}{printable(str(value))}" for name, value in about.items()))


def _rotate() -> None:
    place = _place()
    identity.replace(place.folder, certificates.made())
    write(f"a new key signs from now on; it lies in {printable(str(place.folder))}")


def _export(file: Path | None) -> None:
    text = own_identity().certificates
    if file is None:
        write(text.rstrip())
        return
    try:
        if file.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        write_atomically(file, text.encode("ascii"))
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise ImagineError(in_english(f"{printable(str(file))} can't be written: {why}")) from error


def _place() -> IdentityPlace:
    return IdentityPlace(home_from(os.environ) / "provenance")

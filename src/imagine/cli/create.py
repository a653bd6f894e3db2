"""`imagine create NAME -f Imagefile`: make a named model of others."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from ..words.errors import BadRequest
from . import reach
from .console import note, write
from .inputs import STDIN, read_input, text_of
from .own_models import registry_here
from .presets import presets_here

if TYPE_CHECKING:
    from ..asking.imagefile import Imagefile
    from ..registry.registry import Registry
    from ..words.named_model import NamedModel

_PATHS = ("./", "../", "/", "~")


@click.command("create")
@click.argument("name")
@click.option("-f", "--file", "place", default="Imagefile", help="The Imagefile; - is stdin.", show_default=True)
@click.option("-a", "--address", help="Have the server at HOST:PORT make it, of its own models.")
def command(name: str, place: str, address: str | None) -> None:
    """Make the model NAME (or NAME:TAG) as an Imagefile says: a base, LoRAs with their weights, and how it is asked.
    Paths in it are relative to it. It takes no room of its own, and one of that name is replaced."""
    from ..asking import imagefile

    folder = Path() if place == STDIN else Path(place).parent
    text = text_of(read_input(place, "file", imagefile.MOST), place)
    read = imagefile.parse(text, lambda path: _recipe_at(folder, path))
    client = reach.named(address)
    try:
        if client is not None:
            if paths := next((each for each in _names(read.made) if each.startswith(_PATHS)), None):
                raise click.UsageError(
                    f"{paths} is a path of this machine: {client.address} makes it of its own models"
                )
            client.change("POST", "/api/create", {"model": name, "imagefile": imagefile.text_of(name, read.made)})
        else:
            _create_here(name, read, folder)
    except BadRequest as error:
        raise (error if isinstance(error, imagefile.ImagefileError) else _laid(read, error)) from error
    write(name)


def _create_here(name: str, read: Imagefile, folder: Path) -> None:
    from ..library import creating

    creating.name_from(name)
    if read.made.preset:
        presets_here().find(read.made.preset)
    registry = registry_here()
    made = _taken_in(registry, read.made, folder)
    creating.create(registry, name, made, lambda _: None)


def _laid(read: Imagefile, error: BadRequest) -> BadRequest:
    """What is wrong, of the line that says it; a name that can't be is no line's."""
    return error if error.note.field == "model" else read.refused(error)


def _taken_in(registry: Registry, made: NamedModel, folder: Path) -> NamedModel:
    """The same by names: files that it says by a path join the models, by a link."""
    base = _joined(registry, made.base, folder)
    loras = tuple(msgspec.structs.replace(lora, name=_joined(registry, lora.name, folder)) for lora in made.loras)
    encoders, embeddings = (
        tuple(_joined(registry, each, folder) for each in names) for names in (made.text_encoders, made.embeddings)
    )
    vae = _joined(registry, made.vae, folder)
    return msgspec.structs.replace(
        made, base=base, loras=loras, vae=vae, text_encoders=encoders, embeddings=embeddings
    )  # fmt: skip


def _joined(registry: Registry, name: str, folder: Path) -> str:
    if not name.startswith(_PATHS):
        return name
    from ..library.local import take_in

    target = take_in(folder / Path(name).expanduser(), registry.roots[0], "link")
    registry.refresh()
    note(f"{target.name} is linked to among the models")
    return next((entry.name for entry in registry.files() if entry.path == str(target)), target.stem)


def _names(made: NamedModel) -> list[str]:
    return [made.base, made.vae, *(lora.name for lora in made.loras), *made.text_encoders, *made.embeddings]


def _recipe_at(folder: Path, path: str) -> Mapping[str, Any]:
    from .info import recipe_in

    place = str(folder / Path(path).expanduser())
    recipe = recipe_in(place, read_input(place, "sample"))
    return {key: value for key, value in recipe.items() if key not in ("environment", "warnings")}

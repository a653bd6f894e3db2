"""What `-o` says, checked before any work: a file's name, a folder, a name with fields, or a stream."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from .exits import reason
from .naming import fields_of

if TYPE_CHECKING:
    from ..pictures.images import MediaType

TIME = "{date}_{time}"
"""The name where none was given."""
WRITTEN: dict[str, MediaType] = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
}
"""The formats of pictures, by what `-o` ends in."""
NOT_WRITTEN = frozenset([
    ".gif", ".bmp", ".tif", ".tiff", ".avif", ".heic", ".heif", ".jxl", ".svg", ".pdf", ".ico", ".tga", ".exr", ".psd",
])  # fmt: skip
"""What other pictures' names end in."""
_LONGEST = 255 - len("-16-sheet.jpeg")
"""Bytes of a name, so that every ending fits too."""


class Destination(NamedTuple):
    """Where pictures go: files in `folder`, named by `name`; or one into `stream`, a path or `-` for stdout."""

    folder: Path = Path()
    name: str = TIME
    suffix: str = ".png"
    overwrites: bool = False
    stream: str | None = None
    makes_folder: bool = False
    """The folder doesn't exist yet; its own parent does."""


def destination_of(text: str | None) -> Destination:
    """What the value of `-o` means, None for a name of the time. Raises click.BadParameter where nothing can go."""
    if text is None:
        if not os.access(".", os.W_OK | os.X_OK):
            raise click.UsageError(f"The folder {Path.cwd()} can't be written to; name another with --output.")
        return Destination()
    if text == "-":
        return Destination(stream="-")
    try:
        return _place_of(text)
    except (OSError, RuntimeError) as error:  # RuntimeError: ~name of a user that isn't there
        raise _refused(text, reason(error) if isinstance(error, OSError) else "there is no such home") from error


def _place_of(text: str) -> Destination:
    path = Path(text).expanduser()
    if path.exists() and not path.is_dir() and not path.is_file():  # a device, or a pipe
        return Destination(stream=str(path))
    if path.is_dir():
        return _checked(Destination(folder=path), text)
    if text.endswith(("/", os.sep)):
        return _checked(Destination(folder=path, makes_folder=True), text)
    return _checked(_named(path, text), text)


def _named(path: Path, text: str) -> Destination:
    """A file's name, whose suffix tells the format; `.json` is the picture's beside it."""
    suffix = path.suffix.lower()
    if suffix in NOT_WRITTEN:
        raise _refused(text, f"pictures are written as {', '.join(WRITTEN)}")
    known = suffix in WRITTEN or suffix == ".json"
    name = path.name[: -len(suffix)] if known else path.name
    if fields_of(str(path.parent)):
        raise _refused(text, "fields stand in a file's name, not in a folder's")
    fields = fields_of(name)
    if not name:
        raise _refused(text, "a file has to have a name")
    if len(os.fsencode(name)) > _LONGEST:
        raise _refused(text, f"a file's name has at most {_LONGEST} bytes")
    written = path.suffix if suffix in WRITTEN else ".png"
    return Destination(path.parent, name, written, overwrites=not fields)


def _checked(place: Destination, text: str) -> Destination:
    """`place`, once sure that files can be made there."""
    folder = place.folder.parent if place.makes_folder else place.folder
    if not folder.is_dir():
        raise _refused(text, f"there is no folder {folder}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _refused(text, f"the folder {folder.absolute()} can't be written to")
    if place.overwrites:
        for path in (folder / (place.name + place.suffix), folder / f"{place.name}.json"):
            if path.is_dir():
                raise _refused(text, f"{path} is a folder")
            if path.exists() and not os.access(path, os.W_OK):
                raise _refused(text, f"{path} is write-protected")
    return place


def _refused(text: str, why: str) -> click.BadParameter:
    return click.BadParameter(f"{text!r}: {why}.", param_hint="--output")

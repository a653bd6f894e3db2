"""`imagine convert FILE`: a PNG into the JSON that `run` would have saved beside it, and back."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import click

from ..messages import in_english
from ..words.errors import ImagineError
from .console import write_path
from .destination import NOT_WRITTEN, WRITTEN
from .early import heard
from .exits import reason
from .info import recipe_in
from .inputs import read_input

PNG = b"\x89PNG\r\n\x1a\n"


@click.command("convert")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The file to write; overwrites.")
def command(file: Path, output: Path | None) -> None:
    """Turn FILE, a PNG, into a JSON, or a JSON into a PNG, beside it."""
    from ..files.writing import write_atomically

    data = read_input(file, "file")
    if data.startswith(PNG):
        saved = {"meta": recipe_in(str(file), data), "out": base64.b64encode(data).decode("ascii")}
        made, suffix = json.dumps(saved, ensure_ascii=False).encode("utf-8", "replace") + b"\n", ".json"
    else:
        made, suffix = picture_in(str(file), data), ".png"
    target = file.with_suffix(suffix) if output is None else _checked(output, file, suffix)
    if output is None and target.exists():
        raise ImagineError(in_english(f"{target} is there already; name another with -o", "output"))
    heard()
    try:
        write_atomically(target, made)
    except OSError as error:
        raise ImagineError(in_english(f"{target} can't be written: {reason(error)}", "output")) from error
    write_path(target)


def _checked(output: Path, file: Path, suffix: str) -> Path:
    """`output`, unless it is `file` itself or its name says another format. Raises click.BadParameter."""
    said = output.suffix.lower()
    if said != suffix and (said in WRITTEN or said in NOT_WRITTEN or said == ".json"):
        raise click.BadParameter(f"{str(output)!r}: what is made of {file} is a {suffix}.", param_hint="--output")
    if output.is_file() and output.samefile(file):
        raise click.BadParameter(f"{str(output)!r}: it is the file that is converted.", param_hint="--output")
    return output


def picture_in(place: str, data: bytes) -> bytes:
    """The PNG that a JSON, saved or answered, or a PNG itself, holds. Raises ImagineError for another file."""
    from ..pictures.images import decode_base64
    from ..pictures.metadata import last_answer

    if data.startswith(PNG):
        return data
    try:
        saved = json.loads(last_answer(data))
        field = "img" if "timings" in saved else "out"  # in a saved JSON, img is what the picture was made from
        out = saved[field]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ImagineError(in_english(f"{place} is neither a PNG nor a JSON with a picture", "file")) from error
    if not isinstance(out, str) or not (picture := decode_base64(out, field=field)).startswith(PNG):
        raise ImagineError(in_english(f"{field} in {place} is not a PNG in base64", "file"))
    return picture

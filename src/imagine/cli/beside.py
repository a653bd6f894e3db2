"""A PNG that is written beside the picture that it was made of, and only once all of it is there."""

from __future__ import annotations

import contextlib
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import click

from ..files.writing import TEMPORARY
from ..messages import in_english
from ..words.errors import ImagineError
from .console import warn, write_json
from .destination import NOT_WRITTEN, WRITTEN
from .exits import reason
from .inputs import STDIN
from .signals import shielded


def target_of(file: str, name: str, output: str | None, made: str) -> Path | None:
    """Where it goes; None for stdout. `name` is the file's where none is said; `made`: what it is of `file`.

    Raises click.UsageError, click.BadParameter, ImagineError.
    """
    if output == "-":
        return None
    if output is None and file == STDIN:
        raise click.UsageError("FILE is -; say where the picture goes with --output.")
    if output is not None and not Path(output).is_dir():
        return _checked(_with_suffix(Path(output)), file, made)
    path = Path(file).with_name(name) if output is None else Path(output, name)
    if output is None and path.exists():
        raise ImagineError(in_english(f"{path} is there already; name another with -o", "output"))
    return _checked(path, file, made)


def _with_suffix(path: Path) -> Path:
    """`fox` is `fox.png`, as it is of `imagine run`; a device or a pipe is itself."""
    known = path.suffix.lower() in {*WRITTEN, *NOT_WRITTEN}
    return path if known or _takes_a_stream(path) else path.with_name(f"{path.name}.png")


def _takes_a_stream(path: Path) -> bool:
    return path.exists() and not path.is_file()


def _checked(path: Path, file: str, made: str) -> Path:
    suffix = path.suffix.lower()
    if suffix != ".png" and (suffix in WRITTEN or suffix in NOT_WRITTEN):
        raise click.BadParameter(f"{str(path)!r}: {made} pictures are written as .png.", param_hint="--output")
    if not path.parent.is_dir():
        raise click.BadParameter(f"{str(path)!r}: there is no folder {path.parent}.", param_hint="--output")
    if file != STDIN and path.is_file() and path.samefile(file):
        raise click.BadParameter(f"{str(path)!r}: it is the picture that is {made}.", param_hint="--output")
    return path


@contextlib.contextmanager
def opened(target: Path | None) -> Iterator[BinaryIO]:
    """What to write into: a file becomes the target once all of it is there, and nothing otherwise."""
    if target is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    if _takes_a_stream(target):
        with target.open("wb") as stream:
            yield stream
        return
    temporary = target.with_name(f"{TEMPORARY}{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("xb") as file:
            yield file
        with shielded():
            temporary.replace(target)
    except OSError as error:
        raise ImagineError(in_english(f"{target} can't be written: {reason(error)}", "output")) from error
    finally:
        with shielded():
            temporary.unlink(missing_ok=True)


def tell(line: dict[str, Any], target: Path | None, *, as_json: bool) -> None:
    """What a server's line says: as JSON, or the warnings of the last one."""
    final = line.get("status") == "final"
    if as_json:
        write_json(line | ({"path": str(target)} if final else {}))
    elif final:
        for warning in line.get("warnings", []):
            warn(warning)

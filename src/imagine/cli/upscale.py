"""`imagine upscale FILE`: the picture several times as large, as a PNG beside it."""

from __future__ import annotations

import base64
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
from . import complete, reach
from .console import warn, write_json, write_path
from .destination import NOT_WRITTEN, WRITTEN
from .exits import reason
from .inputs import STDIN, read_input
from .numbers import RealNumber
from .signals import shielded, unwinding


@click.command("upscale")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("-u", "--upscaler", help="A file's name, lanczos or bicubic. Default: the one that ships.",
    shell_complete=complete.upscalers)  # fmt: skip
@click.option("-x", "--scale", type=RealNumber(), help="How many times a side, 1 to 4. Default: 2.")
@click.option("-o", "--output", help="The PNG to write, a folder, or - for stdout; overwrites. Default: FILE-2x.png.")
@click.option("-a", "--address", help="The server, HOST:PORT. [IMAGINE_HOST]")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line for each event, instead of the path.")
def command(
    file: str, upscaler: str | None, scale: float | None, output: str | None, address: str | None, as_json: bool
) -> None:
    """Enlarge FILE, a PNG, JPEG or WebP; - is stdin. What it says of how it was made is kept, with what enlarged it."""
    from .progress import Bar

    target = _target(file, scale, output)
    if target is None and as_json:
        raise click.UsageError("--output - is the picture's bytes; --json can't be with it.")
    data = base64.b64encode(read_input(file, "img")).decode("ascii")
    said = {"upscaler": upscaler, "scale": scale}
    body = {"img": data, "progress": True} | {name: value for name, value in said.items() if value is not None}
    with unwinding():
        client = reach.running_or_started(address)
        with Bar(hidden=as_json) as bar, _opened(target) as into:
            for line in client.upscale(body, into):
                bar.show(line)
                _tell(line, target, as_json=as_json)
    if target is not None and not as_json:
        write_path(target)


def _tell(line: dict[str, Any], target: Path | None, *, as_json: bool) -> None:
    final = line.get("status") == "final"
    if as_json:
        write_json(line | ({"path": str(target)} if final else {}))
    elif final:
        for warning in line.get("warnings", []):
            warn(warning)


def _target(file: str, scale: float | None, output: str | None) -> Path | None:
    """Where the PNG goes; None for stdout. Raises click.UsageError, click.BadParameter, ImagineError."""
    if output == "-":
        return None
    if output is None and file == STDIN:
        raise click.UsageError("FILE is -; say where the picture goes with --output.")
    name = f"{Path(file).stem if file != STDIN else 'upscaled'}-{scale or 2:g}x.png"
    if output is not None and not Path(output).is_dir():
        return _checked(_with_suffix(Path(output)), file)
    path = Path(file).with_name(name) if output is None else Path(output, name)
    if output is None and path.exists():
        raise ImagineError(in_english(f"{path} is there already; name another with -o", "output"))
    return _checked(path, file)


def _with_suffix(path: Path) -> Path:
    """`fox` is `fox.png`, as it is of `imagine run`; a device or a pipe is itself."""
    known = path.suffix.lower() in {*WRITTEN, *NOT_WRITTEN}
    return path if known or _takes_a_stream(path) else path.with_name(f"{path.name}.png")


def _takes_a_stream(path: Path) -> bool:
    return path.exists() and not path.is_file()


def _checked(path: Path, file: str) -> Path:
    suffix = path.suffix.lower()
    if suffix != ".png" and (suffix in WRITTEN or suffix in NOT_WRITTEN):
        raise click.BadParameter(f"{str(path)!r}: enlarged pictures are written as .png.", param_hint="--output")
    if not path.parent.is_dir():
        raise click.BadParameter(f"{str(path)!r}: there is no folder {path.parent}.", param_hint="--output")
    if file != STDIN and path.is_file() and path.samefile(file):
        raise click.BadParameter(f"{str(path)!r}: it is the picture that is enlarged.", param_hint="--output")
    return path


@contextlib.contextmanager
def _opened(target: Path | None) -> Iterator[BinaryIO]:
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

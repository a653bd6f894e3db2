"""`imagine upscale FILE`: the picture several times as large, as a PNG beside it."""

from __future__ import annotations

import base64
from pathlib import Path

import click

from . import complete, reach
from .beside import opened, target_of, tell
from .console import write_path
from .inputs import STDIN, read_input
from .numbers import RealNumber
from .signals import unwinding


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

    name = f"{Path(file).stem if file != STDIN else 'upscaled'}-{scale or 2:g}x.png"
    target = target_of(file, name, output, "enlarged")
    if target is None and as_json:
        raise click.UsageError("--output - is the picture's bytes; --json can't be with it.")
    data = base64.b64encode(read_input(file, "img")).decode("ascii")
    said = {"upscaler": upscaler, "scale": scale}
    body = {"img": data, "progress": True} | {name: value for name, value in said.items() if value is not None}
    with unwinding():
        client = reach.running_or_started(address)
        with Bar(hidden=as_json) as bar, opened(target) as into:
            for line in client.upscale(body, into):
                bar.show(line)
                tell(line, target, as_json=as_json)
    if target is not None and not as_json:
        write_path(target)

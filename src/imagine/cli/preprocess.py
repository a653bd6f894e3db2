"""`imagine preprocess FILE canny`: the map of a picture that a control follows, as a PNG beside it."""

from __future__ import annotations

import base64
from io import BytesIO
from pathlib import Path
from typing import Any

import click

from ..words.preprocessors import PREPROCESSORS
from . import complete, reach
from .beside import opened, target_of, tell
from .console import write_path
from .inputs import STDIN
from .numbers import WholeNumber, finite
from .signals import unwinding

_FILE = click.Path(exists=True, dir_okay=False, allow_dash=True)


class _NumberNamed(click.types.StringParamType):
    """`low_threshold=50`."""

    name = "name=number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The name and the number; fails where one is none."""
        typed = str(super().convert(value, param, ctx))
        name, _, text = typed.partition("=")
        number = finite(text)
        if not name or number is None:
            self.fail(f"{typed!r} is no option: it is said as low_threshold=50.", param, ctx)
        return name, number


def _explained() -> str:
    """What there is, each with what it can be told."""
    lines = []
    for name, row in PREPROCESSORS.items():
        told = ", ".join(f"{key}={option.default:g}" for key, option in row.options.items())
        lines.append(f"{name}: {row.what}" + (f" ({told})" if told else ""))
    return "\b\n" + "\n".join(lines)


@click.command("preprocess", epilog=_explained())
@click.argument("file", type=_FILE)
@click.argument("preprocess", type=click.Choice(list(PREPROCESSORS)), metavar="MAP",
    shell_complete=complete.preprocessors)  # fmt: skip
@click.option("-o", "--output", help="The PNG to write, a folder, or - for stdout; overwrites. Default: FILE-MAP.png.")
@click.option("--option", "options", multiple=True, type=_NumberNamed(), help="A number that it can be told: "
    "low_threshold=50; again for another.")  # fmt: skip
@click.option("--mask", type=_FILE, help="For inpaint: a picture, white where to paint; - is stdin.")
@click.option("--width", type=WholeNumber(), help="Of the map; default: as the picture has it.")
@click.option("--height", type=WholeNumber(), help="Of the map; default: as the picture has it.")
@click.option("--resize", help="How the picture comes to another shape: crop, fit or stretch.",
    shell_complete=complete.resize)  # fmt: skip
@click.option("--preprocessor", help="The file that makes the map, where one has to, by its name.")
@click.option("--show", is_flag=True, help="Show the map in the terminal.")
@click.option("-a", "--address", help="The server, HOST:PORT. [IMAGINE_HOST]")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line for each event, instead of the path.")
def command(
    file: str, preprocess: str, output: str | None, options: tuple[tuple[str, float], ...], mask: str | None,
    show: bool, address: str | None, as_json: bool, **typed: Any,
) -> None:  # fmt: skip
    """Make the map MAP of FILE, a PNG, JPEG or WebP; - is stdin. ControlNets follow such maps."""
    from .progress import Bar
    from .terminal import screen_for_show

    name = f"{Path(file).stem if file != STDIN else 'map'}-{preprocess}.png"
    target = target_of(file, name, output, "mapped")
    if target is None and as_json:
        raise click.UsageError("--output - is the picture's bytes; --json can't be with it.")
    if file == mask == STDIN:
        raise click.UsageError("Standard input can be one thing only, and here it is FILE and --mask.")
    screen = screen_for_show() if show else None
    pictures = {"img": file, "mask": mask}
    body: dict[str, Any] = {"preprocess": preprocess, "progress": True, "options": dict(options)} | typed
    body |= {key: _base64(place, key) for key, place in pictures.items() if place is not None}
    with unwinding():
        client = reach.running_or_started(address)
        with opened(target) as into, Bar(hidden=as_json) as bar:
            for line in client.preprocess({key: value for key, value in body.items() if value is not None}):
                bar.show(line)
                png = line.pop("img", "")
                base64.decode(BytesIO(png.encode()), into)
                tell(line, target, as_json=as_json)
        if screen is not None:
            screen.draw(base64.b64decode(png))
    if target is not None and not as_json:
        write_path(target)


def _base64(place: str, field: str) -> str:
    from .asking import photo  # not needed for --help

    return base64.b64encode(photo(place, field)).decode("ascii")

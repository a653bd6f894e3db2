"""`imagine run PROMPT...`: a PNG, and beside it the JSON that makes it again."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import sys
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import ImagineError
from . import reach
from .list import complete_model

if TYPE_CHECKING:
    from ..client import Client
    from .outputs import Outputs
    from .terminal import Screen

_FILE = click.Path(exists=True, dir_okay=False)


@click.command("run", context_settings={"help_option_names": ["--help"]})
@click.argument("words", nargs=-1, metavar="PROMPT...")
@click.option("-m", "--model", help="A name that `imagine list` shows.", shell_complete=complete_model)
@click.option("-a", "--address", help="The server, HOST:PORT. [IMAGINE_HOST]")
@click.option("-o", "--output", help="The base of the files' names; overwrites. Default: the time.")
@click.option("-w", "--width", type=int, help="Pixels.")
@click.option("-h", "--height", type=int, help="Pixels.")
@click.option("-n", "--num_steps", "--num-steps", "--steps", "num_steps", type=int, help="Steps from noise to picture.")
@click.option("-g", "--guidance", type=float, help="How closely to follow the prompt.")
@click.option("-d", "--strength", type=float, help="How much of --img is painted anew, 0 to 1.")
@click.option("--sampler", help="The algorithm that steps, such as 'dpm++ 2m'.")
@click.option("--schedule", help="The spacing of noise levels.")
@click.option("-i", "--img", type=_FILE, help="A picture to start from.")
@click.option("--mask", type=_FILE, help="Where to paint in --img: white.")
@click.option("--extend", help="Pixels to paint beyond --img: 64, or left=64,right=32.")
@click.option("--resize", help="How --img comes to another shape: crop, fit or stretch.")
@click.option("-f", "--hires", type=float, help="A second pass at so many times the size.")
@click.option("--seed", help="The same seed makes the same picture.")
@click.option("--neg", help="What not to paint.")
@click.option("-s", "--stream", type=int, help="Replace the PNG after every so many steps.")
@click.option("-c", "--clip", type=int, help="Clip skip.")
@click.option("--count", type=int, help="How many pictures, of the seeds that follow.")
@click.option("--preset", help="A style that `imagine presets` shows; what else is said wins.")
@click.option("--reproducible", is_flag=True, default=None, help="Make it alone: its bytes never depend on others.")
@click.option("--from", "source", type=_FILE, help="Take what isn't said from this JSON or picture.")
@click.option("--show", is_flag=True, help="Show the picture in the terminal.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line for each event, instead of paths.")
@click.option("--meta", is_flag=True, help="Accepted, and without effect: the JSON is always saved.")
def command(
    words: tuple[str, ...],
    address: str | None,
    output: str | None,
    source: str | None,
    show: bool,
    as_json: bool,
    meta: bool,  # noqa: ARG001 - what users' scripts say
    **typed: Any,
) -> None:
    """Make a picture of PROMPT, and beside it a JSON that makes it again. `-` reads the prompt from stdin."""
    from .asking import body_from
    from .outputs import Outputs

    body = body_from(words, typed, Path(source) if source else None)
    screen = _screen() if show else None
    with Outputs(output, body.get("count") or 1) as outputs:
        client = reach.running_or_started(address)
        if "model" not in body:
            say_shipped(client)
        _Run(body, outputs, screen, as_json).follow(client)


def say_shipped(client: Client) -> None:
    """Where no model but the shipped one is there, says so, and where models go."""
    details = client.models()["details"]
    if details and all(entry.get("shipped") for entry in details):
        name, folder = details[0]["name"], _folder_of(client)
        click.echo(f"no model is installed: using {name}, which is small; models go into {folder}", err=True)


def _folder_of(client: Client) -> str:
    """Where the server looks for models: this user's own is told what this command is, others say it themselves."""
    if client.address.socket is None:
        return f"the folder that the server at {client.address} names when it starts"
    from ..model_folders import roots_from

    return str(roots_from(os.environ)[0])


class _Run:
    """One request's lines, as files, pictures in the terminal, a bar and words."""

    def __init__(self, body: dict[str, Any], outputs: Outputs, screen: Screen | None, as_json: bool) -> None:
        self._body = body
        self._outputs = outputs
        self._screen = screen
        self._as_json = as_json

    def follow(self, client: Client) -> None:
        """Ask, and act on every line until the last. Hangs up, which cancels, when interrupted."""
        from .progress import Bar

        with Bar(hidden=self._as_json or self._screen is not None) as bar, self._lines(client) as lines:
            for line in lines:
                bar.show(line)
                for told in self._act(line):
                    click.echo(told)
        sheet = self._outputs.sheet()
        if sheet is not None:
            click.echo(json.dumps({"status": "sheet", "path": str(sheet)}) if self._as_json else str(sheet))

    def _lines(self, client: Client) -> contextlib.closing[Generator[dict[str, Any], None, None]]:
        return contextlib.closing(client.generate(self._body | {"progress": True}))

    def _act(self, line: dict[str, Any]) -> Iterator[str]:
        """Do what a line asks for; what goes to stdout for it."""
        picture = line.pop("img", None)
        if picture is not None:
            paths = self._keep(line, base64.b64decode(picture))
            final = line["status"] == "final"
            line["path"] = str(paths[0])
            if final and not self._as_json:
                yield from map(str, paths)
        if self._as_json:
            yield json.dumps(line)

    def _keep(self, line: dict[str, Any], data: bytes) -> list[Path]:
        index = line.get("index", 0)
        kind = line.get("media_type", "image/png")
        if self._screen is not None and kind == "image/png":
            self._screen.draw(data)
        if line["status"] != "final":
            return [self._outputs.preview(index, data, kind)]
        if self._screen is not None:
            self._screen.next()
        if not self._as_json:
            for warning in line.get("warnings", []):
                click.echo(f"Warning: {warning}", err=True)
        return self._outputs.finish(index, data, self._meta(line["meta"]))

    def _meta(self, meta: dict[str, Any]) -> dict[str, Any]:
        """The recipe, with the photo itself in place of its digest, and what the original's files say."""
        carried = {name: self._body[name] for name in ("img", "mask") if name in self._body}
        return {"img": None, "stream": self._body.get("stream")} | meta | carried


def _screen() -> Screen:
    from .terminal import Screen, protocol_of

    protocol = protocol_of(os.environ)
    if protocol is None:
        raise ImagineError("--show needs a terminal that shows pictures: kitty, iTerm2, WezTerm, Ghostty, or Sixel")
    return Screen(protocol, sys.stderr)

"""From what was typed to the body of a request: only what was typed, files read, large photos made smaller."""

from __future__ import annotations

import base64
import io
import sys
from pathlib import Path
from typing import Any

import click

from ..errors import ImagineError

MAX_SIDE = 4096
"""The longest side that a server takes."""
MAX_BYTES = 20 * 2**20
_LARGEST = 30_000
_PICTURES = ("img", "mask")


def body_from(words: tuple[str, ...], typed: dict[str, Any], source: Path | None) -> dict[str, Any]:
    """The request. `typed` holds None for what wasn't; `source` is a JSON or picture to take the rest from."""
    said = {name: value for name, value in typed.items() if value is not None}
    for name in _PICTURES:
        if name in said:
            said[name] = base64.b64encode(photo(Path(said[name]), name)).decode("ascii")
    if "extend" in said:
        said["extend"] = margins(said["extend"])
    prompt = prompt_of(words)
    if prompt is not None:
        said["prompt"] = prompt
    body = (recipe_of(source, said) if source else {}) | said
    if "prompt" not in body:
        raise click.UsageError("Missing argument 'PROMPT...'.")
    return body


def prompt_of(words: tuple[str, ...]) -> str | None:
    """The words joined; `-` alone is what standard input says; None for no words."""
    if words == ("-",):
        return sys.stdin.read().strip()
    return " ".join(words) if words else None


def recipe_of(source: Path, said: dict[str, Any]) -> dict[str, Any]:
    """What `source` says of how it was made, as a request asks for it."""
    import msgspec

    from ..files.reading import read_file
    from ..metadata import MAX_FILE, read_metadata
    from ..replay import request_from_meta

    recipe = read_metadata(read_file(source, MAX_FILE, field="from"), field="from")
    if recipe is None:
        raise ImagineError(f"{source} does not say how it was made", field="from")
    meta = dict(recipe.meta)
    if said:  # another picture: the batches of the first one's steps mean nothing to it
        meta.pop("buckets", None)
    parsed = request_from_meta({"prompt": said.get("prompt", "")} | meta, img=said.get("img"), mask=said.get("mask"))
    for warning in [*recipe.warnings, *parsed.warnings]:
        click.echo(f"Warning: {warning}", err=True)
    found: dict[str, Any] = msgspec.to_builtins(parsed.request)
    if "seed" in found:
        found["seed"] = str(found["seed"])
    return found


def photo(path: Path, field: str) -> bytes:
    """The file's bytes; of a photo larger than a server takes, those of a smaller copy, and says so."""
    from PIL import Image, UnidentifiedImageError

    from .. import images
    from ..files.reading import read_file

    data = read_file(path, images.MAX_BYTES, field=field)
    try:
        with Image.open(io.BytesIO(data)) as picture:
            size = picture.size
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise ImagineError(f"{field}: {path} can't be read as a picture: {error}", field=field) from error
    if max(size) <= MAX_SIDE and len(data) <= MAX_BYTES:
        return data
    smaller = images.decode(data, field=field, max_side=_LARGEST)
    smaller.thumbnail((MAX_SIDE, MAX_SIDE) if max(size) > MAX_SIDE else (MAX_SIDE // 2, MAX_SIDE // 2))
    sent = f"{smaller.width} x {smaller.height}"
    click.echo(f"{path.name} is {size[0]} x {size[1]}, larger than the server takes: sent as {sent}", err=True)
    return images.encode(smaller)


def margins(text: str) -> int | dict[str, int]:
    """`64`, or `left=64,right=32`."""
    try:
        if "=" not in text:
            return int(text)
        return {side.strip(): int(pixels) for side, pixels in (part.split("=") for part in text.split(","))}
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is neither pixels nor left=64,top=0…", param_hint="--extend") from error

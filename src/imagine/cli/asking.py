"""From what was typed to the body of a request: only what was typed, files read, large photos made smaller."""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from ..messages import in_english
from ..words.errors import BadRequest, ImagineError
from .beside_option import BESIDE, PictureOption
from .console import note, warn
from .inputs import STDIN, read_input, recipe_from
from .lora_option import loras_typed
from .numbers import finite

MAX_SIDE = 4096
"""The longest side that a server takes."""
MAX_BYTES = 20 * 2**20
_LARGEST = 30_000
_LONGEST_NUMBER = 20
_PICTURES = ("img", "mask")
PRIORITY = "priority"
"""What is typed and says nothing of the picture: a recipe stays as it is whenever it is made."""
_FIELDS = {"vae": "vae", "refiner": "refiner", "upscaler": "hires"}
"""What names a file, by what that is to the model; all others are text encoders."""


def body_from(prompt: str | None, typed: dict[str, Any], source: str | None) -> dict[str, Any]:
    """The request. `typed` holds None for what wasn't; `source` is a JSON or picture to take the rest from.

    A path may be `-`, standard input. Raises click.UsageError, ImagineError.
    """
    fields = {name: value for name, value in typed.items() if value not in (None, ()) and name != PRIORITY}
    for name in _PICTURES:
        if name in fields:
            fields[name] = base64.b64encode(photo(fields[name], name)).decode("ascii")
    if "seed_size" in fields:
        fields |= seed_size(fields.pop("seed_size"))
    fields |= {name: _READ[name](value) for name, value in fields.items() if name in _READ}
    for name, kind in BESIDE.items():
        if name in fields:
            fields[name] = [_shown(kind, one, f"{name}.{n}") for n, one in enumerate(fields[name])]
    pictures = [base64.b64encode(photo(path, "picture")).decode("ascii") for path in fields.pop("pictures", ())]
    if "upscaler" in fields:
        fields["hires"] = second_pass(fields.get("hires"), fields.pop("upscaler"))
    if prompt is not None:
        fields["prompt"] = prompt
    return (recipe_of(source, fields, pictures=pictures) if source else {}) | fields


def _shown(kind: PictureOption, typed: str, field: str) -> dict[str, Any]:
    """A control or a reference, as a request says it."""
    said = kind.parsed(typed)
    for name in (each for each in (kind.picture, *kind.files) if each in said):
        said[name] = base64.b64encode(photo(said[name], f"{field}.{name}")).decode("ascii")
    return said


def recipe_of(
    source: str | Path, overrides: dict[str, Any], data: bytes | None = None, made_from: dict[str, str] | None = None,
    pictures: Sequence[str] = (),
) -> dict[str, Any]:  # fmt: skip
    """What `source`, whose `data` may have been read before, says of how it was made, as a request asks for it.

    `made_from` are its own input pictures, in base64, where it holds no more than their digests; so are `pictures`,
    each for the place that has its digest.
    """
    import msgspec

    from ..asking.replay import request_from_meta
    from ..pictures.canonical import digest

    recipe = recipe_from(source, read_input(source, "from") if data is None else data, "from")
    if "prompt" not in overrides | recipe.meta:
        raise BadRequest(in_english(f"{source} names no prompt; say one", "prompt"))
    meta = dict(recipe.meta)
    if overrides:  # another picture: the batches of the first one's steps mean nothing to it
        meta.pop("buckets", None)
    if "model" in overrides:  # another on purpose
        meta.pop("digest", None)
        meta.pop("sha256", None)
    _forget_parts(meta, overrides)
    if {"prompt", "neg", "model"} & overrides.keys():  # what words are is found out anew
        meta.pop("environment", None)
        meta.pop("embeddings", None)
    for field, template in (("prompt", "template"), ("prompt", "assisted"), ("neg", "neg_template")):
        if field in overrides:
            meta.pop(template, None)
    for name, own in (("strength", "strength"), ("control", "control"), ("references", "references"),
                      ("guidance", "distilled_cfg_scale")):  # fmt: skip
        if name in overrides:
            meta.pop(own, None)
    meta = {"prompt": overrides.get("prompt", "")} | meta
    given = (made_from or {}) | overrides
    img, mask = given.get("img"), given.get("mask")
    parsed = request_from_meta(meta, img=img, mask=mask, pictures=pictures, digest_of=digest)
    for warning in [*recipe.warnings, *parsed.warnings]:
        warn(warning)
    request: dict[str, Any] = msgspec.to_builtins(parsed.request)
    return request | {name: str(request[name]) for name in ("seed", "subseed") if name in request}


def _forget_parts(meta: dict[str, Any], overrides: dict[str, Any]) -> None:
    """Of a file that is another on purpose, the recipe's digest means nothing."""
    if isinstance(parts := meta.get("parts"), dict):
        meta["parts"] = {role: d for role, d in parts.items() if _FIELDS.get(role, "text_encoders") not in overrides}


def photo(place: str | Path, field: str) -> bytes:
    """The file's bytes; of a photo larger than a server takes, those of a smaller copy, and says so."""
    from PIL import Image, UnidentifiedImageError

    from ..pictures import containers

    data = read_input(place, field)
    try:
        with _as_large_as_it_is(), Image.open(io.BytesIO(data)) as picture:
            size = picture.size
    except Image.DecompressionBombError as error:
        raise ImagineError(in_english(f"{field}: {place} has more pixels than are read of a picture", field)) from error
    except (OSError, UnidentifiedImageError) as error:
        damaged = "is damaged: it " if containers.sniff(data) else ""
        raise ImagineError(in_english(f"{field}: {place} {damaged}can't be read as a picture", field)) from error
    if (outline := containers.outline(data)) is not None and not outline.ended:
        raise ImagineError(in_english(f"{field}: {place} is damaged: it ends before its picture does", field))
    if max(size) <= MAX_SIDE and len(data) <= MAX_BYTES:
        return data
    from ..pictures.images import decode, encode

    with _as_large_as_it_is():
        smaller = decode(data, field=field, max_side=_LARGEST)
    smaller.thumbnail((MAX_SIDE, MAX_SIDE) if max(size) > MAX_SIDE else (MAX_SIDE // 2, MAX_SIDE // 2))
    sent = f"{smaller.width} x {smaller.height}"
    name = Path(place).name if str(place) != STDIN else field
    note(f"{name} is {size[0]} x {size[1]}, larger than the server takes: sent as {sent}")
    return encode(smaller)


def _as_large_as_it_is() -> warnings.catch_warnings[None]:
    """Pillow doesn't warn of the user's own photo."""
    from PIL import Image

    return warnings.catch_warnings(action="ignore", category=Image.DecompressionBombWarning)


def keep_alive(text: str) -> float | str:
    """Seconds where it is a number, else the duration, which the server reads."""
    seconds = finite(text)
    return text if seconds is None else seconds


def second_pass(scale: float | None, upscaler: str) -> dict[str, Any]:
    """`--hires` and `--upscaler`. Raises click.UsageError where the first isn't said."""
    if scale is None:
        raise click.UsageError("--upscaler is for a second pass; say --hires too.")
    return {"scale": scale, "upscaler": upscaler}


def _pixels(text: str) -> int:
    if len(text) > _LONGEST_NUMBER:
        raise ValueError("too long")
    return int(text)


def margins(text: str) -> int | dict[str, int]:
    """`64`, or `left=64,right=32`."""
    try:
        if "=" not in text:
            return _pixels(text)
        return {side.strip(): _pixels(pixels) for side, pixels in (part.split("=") for part in text.split(","))}
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is neither pixels nor left=64,top=0…", param_hint="--extend") from error


def seed_size(text: str) -> dict[str, int]:
    """`512x768`. Raises click.BadParameter."""
    try:
        width, height = map(_pixels, text.lower().replace("×", "x").split("x"))
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is no size such as 512x768", param_hint="--seed-size") from error
    return {"seed_width": width, "seed_height": height}


def sampler_options(text: str) -> dict[str, float]:
    """`eta=0.5,s_churn=4`. Raises click.BadParameter."""
    said = dict(part.partition("=")[::2] for part in text.split(","))
    numbers = {name.strip(): finite(value) for name, value in said.items()}
    found = {name: number for name, number in numbers.items() if number is not None}
    if len(found) < len(numbers):
        raise click.BadParameter(f"{text!r} is nothing such as eta=0.5,s_churn=4", param_hint="--sampler-options")
    return found


_READ: Mapping[str, Callable[[Any], Any]] = {
    "extend": margins, "sampler_options": sampler_options, "loras": loras_typed, "keep_alive": keep_alive,
}  # fmt: skip
"""What is typed as one text and asked for as something else, and what reads it."""

"""`imagine verify FILE...`: make pictures again from what their files say, and compare."""

from __future__ import annotations

import base64
import functools
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import click

from ..client.client import ResponseError
from ..messages import in_english
from ..words.errors import ImagineError
from . import reach
from .console import note, printable, write, write_json
from .convert import picture_in
from .early import heard
from .lora_option import WEIGHTS
from .same_model import NAMED_BY, differences, with_holders

if TYPE_CHECKING:
    from ..client.client import Client
    from ..pictures.images import MediaType

NEAR = 8
"""The largest difference of a channel, of 255, that still counts as near."""


_LOSSY: dict[str, MediaType] = {"jpeg": "image/jpeg", "webp": "image/webp"}
_DIGEST = re.compile(r"[0-9a-f]{64}")
_BESIDE = ("control", "references")
_PICTURES = ("image", "img", "mask", "digest", "encoder", "preprocessor")
_NOT_COMPARED = frozenset(["img", "mask", "stream", *NAMED_BY])
"""A saved JSON holds the photos themselves, what is made again their digests; models are compared by `same_model`."""


class Verdict(NamedTuple):
    """How the new picture is to the old one: the largest difference of a channel, and what else changed."""

    kind: Literal["identical", "near", "different"]
    difference: int | None
    changed: list[str]


@click.command("verify")
@click.argument("files", nargs=-1, required=True, type=click.Path())
@click.option("-i", "--img", type=click.Path(), help="What they were made from, where they hold only its digest.")
@click.option("--mask", type=click.Path(), help="Their mask, likewise.")
@click.option("--picture", "pictures", multiple=True, type=click.Path(), help="A picture of a control or a reference, "
    "likewise; again for another.")  # fmt: skip
@click.option("-a", "--address", help="The server, HOST:PORT. [IMAGINE_HOST]")
@click.option("--json", "as_json", is_flag=True, help="As JSON, one object a line.")
def command(
    files: tuple[str, ...], img: str | None, mask: str | None, pictures: tuple[str, ...], address: str | None,
    as_json: bool,
) -> int:  # fmt: skip
    """Make the pictures of FILES again: identical, near, or different. Exits 1 if any is different or fails."""
    from .asking import photo

    heard()
    given = {"img": img, "mask": mask}
    made_from = {name: base64.b64encode(photo(path, name)).decode() for name, path in given.items() if path}
    others = [base64.b64encode(photo(path, "picture")).decode() for path in pictures]
    server = functools.cache(functools.partial(reach.running_or_started, address))
    failed = False
    for file in files:
        try:
            verdict = verify(server, file, made_from, others)
        except ImagineError as error:
            note(str(error) if file in str(error) else f"{file}: {error}")
            failed = True
            continue
        failed |= verdict.kind == "different"
        if as_json:
            write_json(verdict._asdict() | {"file": file})
        else:
            write(f"{printable(file)}: {_words(verdict)}")
    return int(failed)


def verify(server: Callable[[], Client], file: str, made_from: dict[str, str], pictures: Sequence[str] = ()) -> Verdict:
    """The picture of `file` made again, of `made_from` and `pictures` where it holds digests only, and compared with
    its own. A `server` is only asked for once the file says how it was made."""
    from ..pictures import containers
    from ..pictures.canonical import canonical
    from ..pictures.images import decode, encode
    from .asking import recipe_of
    from .info import recipe_in
    from .inputs import read_input

    data = read_input(file, "file")
    lossy = _LOSSY.get(containers.sniff(data) or "")
    before, old = recipe_in(file, data), data if lossy else picture_in(file, data)
    if before.get("upscaled"):
        raise ImagineError(in_english(f"{file} was enlarged after it was made; what it says makes it as it was before"))
    asked = recipe_of(file, {}, data, made_from, pictures)
    client = server()
    try:
        final = list(client.generate(asked | {"progress": True}))[-1]
    except ResponseError as error:
        raise with_holders(client, before, error) from error
    new = base64.b64decode(final["img"])
    if lossy:  # compared as the same format would hold it
        new = encode(decode(new, field="img"), lossy, meta=final["meta"])
    verdict = compared(canonical(old), canonical(new), before, final["meta"])
    models = [d.words for d in differences(client, before, final["meta"]) if d.sure or verdict.kind != "identical"]
    return verdict._replace(changed=[*models, *_other_pictures(before, final["meta"]), *verdict.changed])


def _other_pictures(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Which of the input pictures is not the one whose digest the recipe holds."""
    from ..asking.carried import places_of

    recipes = (
        {name: recipe.get(name) for name in ("img", "mask")} | dict(places_of(recipe)) for recipe in (before, after)
    )
    old, new = recipes
    digests = {name: digest for name, digest in old.items() if _DIGEST.fullmatch(str(digest))}
    return [f"{name}: another picture" for name, digest in digests.items() if new.get(name) != digest]


def compared(old: bytes, new: bytes, before: dict[str, Any], after: dict[str, Any]) -> Verdict:
    """The two files compared, by their bytes and then by their pixels."""
    difference = 0 if old == new else _difference(old, new)
    if difference == 0:
        return Verdict("identical", 0, _changes(before, after))
    near = difference is not None and difference <= NEAR
    changed = sorted([*_changes(before, after), *_told_by_one(before, after), *_marked_alone(before, after)])
    return Verdict("near" if near else "different", difference, changed)


def _changes(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What both recipes say, and differently; of the environment, each part for itself."""
    changes = []
    for name in before.keys() & after.keys() - _NOT_COMPARED:
        old, new = (_plain(name, recipe[name]) for recipe in (before, after))
        if isinstance(old, dict) and isinstance(new, dict):
            changes += [f"{name} {change}" for change in _changes(old, new)]
        elif str(old) != str(new):
            changes.append(f"{name}: {old} is now {new}")
    return sorted(changes)


def _plain(name: str, value: Any) -> Any:
    """A value as it is compared: LoRAs without what they are known by, which `same_model` looks at; of controls and
    references, which a saved JSON holds with their pictures, what else is said."""
    if name in _BESIDE and isinstance(value, list):
        parts = [each for each in value if isinstance(each, dict)]
        return ", ".join(" ".join(f"{k} {each[k]}" for k in sorted(each) if k not in _PICTURES) for each in parts)
    if name != "loras" or not isinstance(value, list):
        return value
    beside = [each for each in value if isinstance(each, dict)]
    return ", ".join(" ".join(str(each[key]) for key in ("name", *WEIGHTS) if key in each) for each in beside)


def _told_by_one(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What of the environment one recipe says and the other doesn't: a way of computing that came, or went, since."""
    old, new = before.get("environment"), after.get("environment")
    if not isinstance(old, dict) or not isinstance(new, dict):
        return []
    gone = [f"environment {name}: was {old[name]}, no longer told" for name in old.keys() - new.keys()]
    return gone + [f"environment {name}: now {new[name]}, not told before" for name in new.keys() - old.keys()]


def _marked_alone(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """That one picture's pixels are marked, and the other's aren't."""
    old, new = ("marked" if recipe.get("watermark") else "not marked" for recipe in (before, after))
    return [f"watermark: {old}, and now {new}"] if old != new else []


def _difference(old: bytes, new: bytes) -> int | None:
    """The largest difference of a channel, 0 to 255; None for pictures of two sizes."""
    from PIL import ImageChops

    from ..pictures.images import decode

    one, other = (decode(data, field="out").convert("RGB") for data in (old, new))
    if one.size != other.size:
        return None
    extremes = ImageChops.difference(one, other).getextrema()
    return max(int(band[1]) for band in extremes if isinstance(band, tuple))


def _words(verdict: Verdict) -> str:
    largest = "another size" if verdict.difference is None else f"largest difference {verdict.difference} of 255"
    text = verdict.kind if verdict.kind == "identical" else f"{verdict.kind}, {largest}"
    return "; ".join([text, *verdict.changed])

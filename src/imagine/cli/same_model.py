"""Whether what a recipe was made with is what made it again: each model that differs, and who has the old one here."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from ..client.client import ResponseError
from ..messages import in_english

if TYPE_CHECKING:
    from ..client.client import Client

NAMED_BY = ("digest", "sha256", "parts")
"""What of a recipe names the model and the files beside it."""
_NOT_FOUND = 404
_SHOWN = 12
_NAMED = 5
_DIGEST = re.compile(r"[0-9a-f]{10,64}")
_DIGESTS = ("digest", "header_digest", "sha256")


class Difference(NamedTuple):
    """What differs, in words. `sure`: it does; else an older recipe can't tell."""

    words: str
    sure: bool


def differences(client: Client, before: dict[str, Any], after: dict[str, Any]) -> list[Difference]:
    """What the recipe of a picture, and that of one that `client` made of it, name differently."""
    old, new = ({"model": recipe, **_parts(recipe)} for recipe in (before, after))
    lines = [_difference(client, what, old[what], new[what]) for what in old if what in new]
    return [difference for difference in lines if difference is not None]


def holders(client: Client, digest: str) -> list[dict[str, Any]]:
    """The files on the server that are known by a digest; none for what is no digest."""
    if not _DIGEST.fullmatch(digest):
        return []
    answer = client.models(digest=digest)
    listed = [*answer["details"], *answer["others"]]
    return [entry for entry in listed if any(str(entry.get(name, "")).startswith(digest) for name in _DIGESTS)]


def with_holders(client: Client, before: dict[str, Any], error: ResponseError) -> ResponseError:
    """Where the model is gone: which one here is the same."""
    digest = str(before.get("digest") or before.get("sha256") or "")
    gone = error.status == _NOT_FOUND and not error.code.startswith("part.")  # else it is a file beside the model
    names = [entry["name"] for entry in holders(client, digest)] if gone else []
    same = f"; '{names[0]}' here is the same" if names else ""
    return ResponseError(in_english(f"{error}{same}"), error.status, error.code)


def _parts(recipe: dict[str, Any]) -> dict[str, dict[str, Any]]:
    parts, loras = recipe.get("parts"), recipe.get("loras")
    named = {role: {"digest": digest} for role, digest in parts.items()} if isinstance(parts, dict) else {}
    beside = [lora for lora in loras if isinstance(lora, dict)] if isinstance(loras, list) else []
    named |= {f"LoRA {lora.get('name')}": lora for lora in beside}
    for field, name in (("control", "model"), ("references", "adapter")):
        parts = recipe.get(field)
        for part in (each for each in (parts if isinstance(parts, list) else []) if isinstance(each, dict)):
            named[f"{field} {part.get(name)}"] = part
    return named


def _difference(client: Client, what: str, before: dict[str, Any], after: dict[str, Any]) -> Difference | None:
    for name in ("digest", "sha256"):  # that of a whole file may be known by its beginning only
        old, new = str(before.get(name) or ""), str(after.get(name) or "")
        if old and new and not new.startswith(old):
            return _changed(client, what, old, new)
    if before.get("sha256") and not before.get("digest") and not after.get("sha256"):
        return Difference(f"{what}: the SHA-256 of its file isn't known yet, by which the picture names it", sure=False)
    return None


def _changed(client: Client, what: str, old: str, new: str) -> Difference:
    if not _DIGEST.fullmatch(old):
        return Difference(f"{what}: what the picture names it by is no digest", sure=True)
    listed = holders(client, old)
    if any(entry.get("header_digest") == old and entry.get("digest") == new for entry in listed):
        return Difference(f"{what}: the picture names it by its header alone, which fits but is no proof", sure=False)
    names = " or ".join(f"'{entry['name']}'" for entry in listed[:_NAMED])
    here = f"{names} has the old one here" if names else "none here has the old one"
    return Difference(f"{what}: digest {old[:_SHOWN]} is now {new[:_SHOWN]}, and {here}", sure=True)

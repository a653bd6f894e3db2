"""From a saved recipe back to the request that makes it again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ..messages import Message, message
from ..words.errors import BadRequest
from ..words.model_names import OWN
from ..words.recipe import GenerationParams
from .carried import DigestOf, places_of, sha256, unshown, with_pictures
from .request import GenerateRequest, Parsed, PartDigests, parse
from .wildcards import wildcard_in

_DIGEST = re.compile(r"[0-9a-f]{64}")
_PICTURES = ("img", "mask")
_MODEL_DIGEST = re.compile(r"[0-9a-f]{10,64}")
_NOT_ASKED = frozenset(["digest", "sha256", "environment"])
"""What a recipe says of how it was made; digests are taken over for themselves."""
_SETTINGS = frozenset(["count", "preset", "distilled_cfg_scale"])
"""What no recipe says, but settings that the page saved before a picture was made of them, and other programs'."""
_TRANSPORT = frozenset(GenerateRequest.__struct_fields__) - frozenset(GenerationParams.__struct_fields__) - _SETTINGS
"""What was asked and doesn't decide pixels."""


def request_from_meta(
    meta: dict[str, Any],
    *,
    img: str | None = None,
    mask: str | None = None,
    pictures: Sequence[str] = (),
    digest_of: DigestOf = sha256,
) -> Parsed:
    """The request whose `resolve` is the recipe `meta`, as `metadata.read_metadata` gives it.

    A picture's file holds only the digests of the pictures it was made from: `img` and `mask` are these pictures
    themselves, in base64, and so are `pictures`; each is for the place that has its digest, too. Whether they are is
    the caller's to compare; whether the model is the one that drew it, `resolve`'s. What the recipe doesn't say isn't
    said in the request either; unknown names are in the warnings. So is a strength that was of no picture: it is not
    taken over to one that is given now. So are controls of which it says no picture, and none is spare among
    `pictures`.
    Raises BadRequest on the field for a value that can't be asked for, and for a picture that is missing.
    """
    meta = with_pictures(meta, pictures, [text for text in (img, mask) if text], digest_of=digest_of)
    body = {name: value for name, value in meta.items() if name not in _NOT_ASKED | _TRANSPORT}
    for place, value in places_of(meta):
        _carried(place, value)
    warnings = _without_unshown(body)
    for name, data in zip(_PICTURES, (img, mask), strict=True):
        body[name] = data or _carried(name, body.get(name))
    digest = str(meta.get("digest") or meta.get("sha256") or "")
    if "model" in body and _MODEL_DIGEST.fullmatch(digest):
        body["digest"] = digest
    body["parts"] = _parts(meta.get("parts"))
    if "environment" in meta:
        body["environment"] = meta["environment"]
        body.setdefault("embeddings", {})
    if meta.get("digest"):
        body = _with_nothing_configured(body)
    if not body.get("template") and any(wildcard_in(str(body.get(name) or "")) for name in ("prompt", "neg")):
        body["wildcards"] = False  # they were drawn as words
    if body["img"] is None:
        body.pop("strength", None)  # recipes say one even where there was nothing to keep
    elif not meta.get("img") and body.get("strength") == 1:  # and so nothing was
        del body["strength"]
        warnings.append(message("recipe.strength", "strength"))
    parsed = parse(body)
    return parsed._replace(warnings=parsed.warnings + warnings)


def _without_unshown(body: dict[str, Any]) -> list[Message]:
    """Leaves out the controls that have no picture, and tells of each."""
    lost = unshown(body)
    if lost:
        body["control"] = [part for part in body["control"] if part not in lost] or None
    return [message("recipe.unshown", "control", name=str(part.get("model"))[:80]) for part in lost]


def _with_nothing_configured(body: dict[str, Any]) -> dict[str, Any]:
    """The recipe with what it doesn't name said to be the model's own: other files may be configured by now."""
    own = {name: OWN for name in ("vae", "text_encoders") if not body.get(name)}
    return {"loras": [], "true_cfg": 1.0} | body | own


def _parts(listed: object) -> dict[str, str] | None:
    """The digests of a recipe's parts, of those that have one."""
    if not isinstance(listed, dict):
        return None
    digests = {name: str(listed.get(name) or "") for name in PartDigests.__struct_fields__}
    return {name: digest for name, digest in digests.items() if _MODEL_DIGEST.fullmatch(digest)} or None


def _carried(name: str, value: object) -> object:
    """The picture that the recipe holds, None for none."""
    if isinstance(value, str) and _DIGEST.fullmatch(value):
        raise BadRequest(message("recipe.by_digest", name, digest=value[:12]))
    return value or None

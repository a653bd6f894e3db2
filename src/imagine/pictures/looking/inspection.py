"""Where a picture comes from, as far as its file says: a signed manifest first, else what anybody could write.

Made for untrusted files, in a process of its own: every text is cut, every list is bounded.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from ...messages import Message, message
from ...provenance.library import context, is_there, library
from ...provenance.manifest import PROGRAM, SOURCE_TYPES
from .. import containers
from ..canonical import halves
from .claims import Claims, claims_in
from .pixels import PixelMark, PixelsSeen

Origin = Literal["here", "imagine", "ai", "camera", "changed", "signed", "unknown"]
SignatureState = Literal["ours", "valid", "invalid", "unread", "none"]
MADE_BY_AI = frozenset(["trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia", "compositeSynthetic"])
TAKEN = frozenset(["digitalCapture", "computationalCapture", "negativeFilm", "positiveFilm", "print"])
_REMADE = frozenset(["edited", "resized"])
"""What our manifests say of a picture that isn't just another file of its source."""
_LONGEST, _MOST = 200, 8
_NO_FAULTS = ("signingCredential.untrusted", "signingCredential.ocsp")
"""What a reader may say of a manifest that is whole: that it doesn't know the signer, or nobody was asked of him."""


class SourcePicture(msgspec.Struct, frozen=True, kw_only=True):
    """A picture that another was made of, as its manifest names it."""

    title: str = ""
    program: str = ""
    source_type: str = ""
    signed: bool = False


class Inspection(msgspec.Struct, frozen=True, kw_only=True):
    """What a file says of where it comes from."""

    origin: Origin = "unknown"
    signature: SignatureState = "none"
    """`ours`: by an identity of this machine; `valid`: whole, by a stranger; `unread`: there, and nothing reads it."""
    program: str = ""
    """What it was made with, and its version."""
    model: str = ""
    signer: str = ""
    actions: tuple[str, ...] = ()
    source_type: str = ""
    """IPTC's digital source type, its last word."""
    sources: tuple[SourcePicture, ...] = ()
    read: tuple[str, ...] = ()
    """What was found: c2pa, xmp, iptc, exif, recipe, watermark."""
    faults: tuple[str, ...] = ()
    """C2PA's codes of what is wrong with the manifest."""
    watermark: PixelMark | None = None
    """Our invisible mark in its pixels, as far as they were looked at."""
    looked: bool = False
    """Were they?"""
    whole: bool = True
    """Is all of the file there?"""


_WORDS: dict[Origin, str] = {
    "here": "origin.here", "imagine": "origin.imagine", "ai": "origin.ai", "camera": "origin.camera",
    "changed": "origin.changed", "signed": "origin.signed", "unknown": "origin.unknown",
}  # fmt: skip
_WORDS_UNSIGNED: dict[Origin, str] = {
    "imagine": "origin.imagine_unsigned", "ai": "origin.ai_unsigned", "camera": "origin.camera_unsigned"
}  # fmt: skip
_MARKED: dict[SignatureState, str] = {"none": "origin.marked", "invalid": "origin.changed_marked"}
"""Where the mark in the pixels says more than the file."""


def summary(inspection: Inspection) -> Message:
    """What it comes to, in a sentence about the picture."""
    if not inspection.whole and inspection.signature in ("none", "invalid"):
        return message("origin.incomplete")
    if inspection.signature == "unread":
        return message("origin.unread")
    if inspection.watermark is not None and (marked := _MARKED.get(inspection.signature)):
        return message(marked)
    if inspection.origin == "here" and _REMADE & {*inspection.actions}:
        return message("origin.here_edited")
    words = _WORDS if inspection.signature != "none" else _WORDS | _WORDS_UNSIGNED
    return message(words[inspection.origin])


def inspected(data: bytes, roots: str = "") -> Inspection:
    """Of a PNG, JPEG or WebP; `roots` are those of this machine's identities, as PEM."""
    claims = claims_in(data)
    signed = _manifest(data, roots)
    if signed is None:
        return _unsigned(claims)
    read = ("c2pa", *claims.read)
    if isinstance(signed, str):
        return Inspection(origin="changed" if signed else "unknown", signature="invalid" if signed else "unread",
            program=claims.program, source_type=claims.source_type, read=read, faults=(signed,) if signed else (),
        )  # fmt: skip
    return _of_manifest(signed, claims, read)


def with_pixels(told: Inspection, seen: PixelsSeen, *, ended: bool) -> Inspection:
    """The same, and what the pixels say, which outlasts what a file says unsigned; has the file an end?

    Pixels of a signed file that can't be decoded tell no more than its signature.
    """
    whole = ended and not (seen.damaged and told.signature == "none")
    told = msgspec.structs.replace(told, looked=seen.looked, whole=whole)
    if seen.mark is None:
        return told
    origin = "imagine" if told.signature == "none" else told.origin
    return msgspec.structs.replace(told, origin=origin, watermark=seen.mark, read=(*told.read, "watermark"))


def _manifest(data: bytes, roots: str) -> dict[str, Any] | str | None:
    """What the library says of the manifest; a fault where it can't read it, "" where it isn't there to do so."""
    if not halves(data).cuts:
        return None
    if not is_there():
        return ""
    c2pa = library()
    kind = containers.sniff(data)
    assert kind is not None, "it has a manifest"
    try:
        reader = c2pa.Reader.try_create(f"image/{kind}", io.BytesIO(data), context=context(roots))
        return None if reader is None else dict(json.loads(reader.json()))
    except (c2pa.C2paError, ValueError, RecursionError) as error:
        return _cut(error) or type(error).__name__


def _of_manifest(told: dict[str, Any], claims: Claims, read: tuple[str, ...]) -> Inspection:
    manifests = _object(told.get("manifests"))
    active = _object(manifests.get(_text(told.get("active_manifest"))))
    state = _text(told.get("validation_state"))
    actions = list(_actions(active))
    said = [_last_word(action.get("digitalSourceType")) for action in actions]
    program = _program(active)
    signature: SignatureState = {"Trusted": "ours", "Valid": "valid"}.get(state, "invalid")  # type: ignore[assignment]
    source_type = next((word for word in said if word), "")
    return Inspection(
        origin=_origin(signature, program, source_type), signature=signature, program=program,
        model=next((model for action in actions if (model := _model(action))), ""),
        signer=_signer(active), actions=tuple(_last_word(a.get("action")) for a in actions)[:_MOST],
        source_type=source_type or claims.source_type, sources=tuple(_sources(active, manifests))[:_MOST],
        read=read, faults=tuple(_faults(told))[:_MOST],
    )  # fmt: skip


def _origin(signature: SignatureState, program: str, source_type: str) -> Origin:
    if signature == "invalid":
        return "changed"
    if signature == "ours":
        return "here"
    if program.partition(" ")[0] == PROGRAM:
        return "imagine"
    if source_type in MADE_BY_AI:
        return "ai"
    return "camera" if source_type in TAKEN else "signed"


def _unsigned(claims: Claims) -> Inspection:
    """What an unsigned file says of itself, which anybody can have written."""
    ours = claims.recipe and claims.program.partition(" ")[0] == PROGRAM
    origin: Origin = "unknown"
    if ours:
        origin = "imagine"
    elif claims.source_type in MADE_BY_AI or claims.recipe:
        origin = "ai"
    elif claims.source_type in TAKEN or claims.camera:
        origin = "camera"
    program = claims.program or claims.camera
    return Inspection(
        origin=origin, program=program, model=claims.model, source_type=claims.source_type, read=claims.read
    )


def _actions(manifest: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for assertion in _objects(manifest.get("assertions")):
        if _text(assertion.get("label")).startswith("c2pa.actions"):
            yield from _objects(_object(assertion.get("data")).get("actions"))


def _sources(manifest: dict[str, Any], manifests: dict[str, Any]) -> Iterator[SourcePicture]:
    for ingredient in _objects(manifest.get("ingredients")):
        own = _object(manifests.get(_text(ingredient.get("active_manifest"))))
        types = (_last_word(action.get("digitalSourceType")) for action in _actions(own))
        yield SourcePicture(
            title=_cut(ingredient.get("title") or ""), program=_program(own),
            source_type=next((word for word in types if word), ""), signed=bool(own),
        )  # fmt: skip


def _faults(told: dict[str, Any]) -> Iterator[str]:
    for status in _objects(told.get("validation_status")):
        code = _cut(status.get("code") or "")
        if code and not code.startswith(_NO_FAULTS):
            yield code


def _program(manifest: dict[str, Any]) -> str:
    for info in _objects(manifest.get("claim_generator_info")):
        return _cut(f"{info.get('name') or ''} {info.get('version') or ''}".strip())
    return _cut(manifest.get("claim_generator") or "")


def _model(action: dict[str, Any]) -> str:
    """As our own manifests say it."""
    said = _text(action.get("description"))
    return _cut(said.removeprefix("model ")) if said.startswith("model ") else ""


def _signer(manifest: dict[str, Any]) -> str:
    info = _object(manifest.get("signature_info"))
    names = [_cut(info[key]) for key in ("common_name", "issuer") if info.get(key)]
    return ", ".join(dict.fromkeys(names))


def _last_word(address: object) -> str:
    """Of an address, or of a name with dots, its last part."""
    text = _cut(address or "")
    return (
        text.removeprefix(SOURCE_TYPES)
        .removeprefix("https://cv.iptc.org/newscodes/digitalsourcetype/")
        .removeprefix("c2pa.")
    )


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _objects(value: object) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)][:64] if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _cut(value: object) -> str:
    """A text of it that is no longer than it has to be."""
    text = str(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"

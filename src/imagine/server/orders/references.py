"""The references of a request: the image adapter that attends to each; where none fits, the picture to start from."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from ...asking.controls import check_span
from ...asking.references import (
    VARIATION,
    ChosenReference,
    ReferenceWish,
    VariationsWish,
    check_adapter,
    check_own,
    check_reference,
    heeded,
    proper_file,
    start_strength,
)
from ...asking.request import MAX_SIDE as MOST_PAINTED
from ...asking.request import GenerateRequest
from ...asking.resolve import is_another
from ...families.table import facts_of
from ...messages import Message, message
from ...pictures.images import MAX_SIDE
from ...registry.views import fits
from ...words.beside import IMAGE_ADAPTERS, REDUX, TIMED, attends, attends_to_squares, made_for, runs
from ...words.entry import Entry
from ...words.errors import BadRequest, Unsupported
from ...words.map_words import words_of
from ...words.model_names import OWN
from ..gateway.gateway import Gateway
from .fitting import beside, check_fit, goes_with
from .incoming import Incoming
from .input_pictures import LOOKED_AT

IMAGE_ADAPTER = "ip-adapter"
IMAGE_ENCODER = "image-encoder"
_FACES = ("faceid", "faceid-plus", "faceid-portrait")
"""Variants that take a face's numbers."""
_LIKED = {
    "face": ("plus-face", "full-face", "plus", "", "xlabs", REDUX, TIMED),
    "style": ("", "plus", REDUX, "xlabs", TIMED),
    "content": ("plus", "", REDUX, "xlabs", TIMED),
    "subject": ("plus", "", REDUX, "xlabs", TIMED),
}  # fmt: skip
"""For each kind of reference the variants that are for it, the best first."""
_SIZES = {TIMED: ("", "large")}
"""Of the variants that aren't for all sizes of a family those that they are for."""
_OF_ADAPTERS = ("embedding", "weights", "combine", "crop", "box", "mask", "noise", "start", "end")
"""What is said of a reference and means nothing where the picture only starts from it."""


class ChosenReferences(NamedTuple):
    """What the denoiser attends to beside the prompt, and the request that is left."""

    request: GenerateRequest
    files: tuple[ChosenReference, ...] = ()
    varies: bool = False
    """The first is `img` itself, of which neighbours are wanted: it gives the size, and nothing starts from it."""
    warnings: tuple[Message, ...] = ()


async def chosen_references(gateway: Gateway, incoming: Incoming, model: Entry) -> ChosenReferences:
    """The files of what is asked for. Raises PartNotFound, BadRequest, Unsupported on what names them; ModelChanged."""
    request = incoming.request
    near, wishes = _variation(request), list(request.references or ())
    for place, wish in enumerate(wishes):
        check_reference(wish, f"references.{place}")
        check_span(wish.start, wish.end, f"references.{place}")
    files, left, warnings = list[ChosenReference](), dict[str, ReferenceWish](), list[Message]()
    varied = None if near is None else await _attended(gateway, near, model, "variations", warnings)
    for place, wish in enumerate(wishes):
        chosen = await _attended(gateway, wish, model, f"references.{place}", warnings)
        if chosen is None:
            left[f"references.{place}.img"] = wish
        else:
            files.append(chosen)
    if near is not None and varied is None:
        strength = near.noise if request.strength is None else request.strength
        request = msgspec.structs.replace(request, strength=strength)
        warnings.append(_told("variations.start", "variations", model, "subject"))
    if left:
        request = await _started(gateway, incoming.client, request, left, model, warnings)
    if attends(model) and not (varied or files) and request.img is not None:  # it starts from it, and is shown it
        shown, _ = heeded(ReferenceWish(img=request.img), squared=attends_to_squares(model))
        files.append(ChosenReference(shown))
    chosen_files = (*(() if varied is None else (varied,)), *files)
    _check_count(chosen_files, model)
    return ChosenReferences(request, chosen_files, varied is not None, tuple(dict.fromkeys(warnings)))


def _check_count(files: Sequence[ChosenReference], model: Entry) -> None:
    """Raises Unsupported for more than a model sees at once that sees them itself."""
    own = sum(each.adapter is None and each.wish.strength != 0 for each in files)
    most = facts_of(model.family).sees.get(model.variant, own)
    if own > most:
        raise Unsupported(message("reference.most", "references", value=own, most=most))


def _variation(request: GenerateRequest) -> ReferenceWish | None:
    """The reference whose neighbours are wanted. Raises BadRequest where it is none, or is more than that."""
    if request.variations is None:
        return None
    if request.img is None:
        raise BadRequest(message("needs_img", "variations"))
    for name in ("mask", "extend"):
        if getattr(request, name) is not None:
            raise BadRequest(message("beside.either", name, other="variations"))
    said = request.variations
    strength = said.strength if isinstance(said, VariationsWish) else said
    return ReferenceWish(img=request.img, strength=1.0, noise=VARIATION if strength is None else strength)


async def _attended(
    gateway: Gateway, wish: ReferenceWish, model: Entry, path: str, warnings: list[Message]
) -> ChosenReference | None:
    """The reference with its files; None where nothing here attends to it."""
    if wish.adapter == OWN or (wish.adapter is None and attends(model)):
        if not attends(model):
            raise Unsupported(message("reference.not_own", f"{path}.adapter", name=model.name))
        squared = attends_to_squares(model)
        check_own(wish, path, model.name, squared=squared)
        wish, vain = heeded(wish, squared=squared)
        if vain:
            warnings.append(message("reference.own_ignored", "references", names=", ".join(vain), name=model.name))
        if wish.kind not in (None, "subject"):
            warnings.append(message("reference.own_kind", "references", value=wish.kind, name=model.name))
        return ChosenReference(wish)
    files = await gateway.entries()
    if wish.adapter is not None:
        adapter = await gateway.named(f"{path}.adapter", wish.adapter, IMAGE_ADAPTER, wish.digest, beside(model))
        check_fit(adapter, model, IMAGE_ADAPTERS, f"{path}.adapter", wish.adapter)
        if wish.digest and is_another(adapter, wish.digest):
            warnings.append(message("part.another", "references", name=adapter.name, digest=wish.digest[:12]))
    else:
        found = _usual(wish, files, model)
        if found is None:
            return None
        adapter = await gateway.named(f"{path}.adapter", found.name, IMAGE_ADAPTER, None)
        if wish.kind == "face" and _variant(adapter) not in _LIKED["face"][:2]:
            warnings.append(_faceless(adapter, model))
    check_adapter(wish, path, adapter)
    if adapter.variant in _FACES and wish.embedding is None:
        raise BadRequest(message("reference.needs_face", f"{path}.embedding", name=adapter.name), reason="missing")
    return ChosenReference(wish, adapter, await _encoder(gateway, wish, adapter, files, path))


async def _encoder(
    gateway: Gateway, wish: ReferenceWish, adapter: Entry, files: list[Entry], path: str
) -> Entry | None:
    """What the adapter sees pictures by; None for one that sees none. Raises BadRequest where it isn't here."""
    if not adapter.views:
        return None
    able = [file.name for file in files if _is_encoder(file) and fits(adapter, file)]
    encoder = await gateway.one_of(able, IMAGE_ENCODER, wish.encoder)
    if encoder is None:
        width = next(width for width in adapter.views if width)
        raise BadRequest(message("reference.no_encoder", f"{path}.adapter", name=adapter.name, width=width))
    return encoder


def _usual(wish: ReferenceWish, files: list[Entry], model: Entry) -> Entry | None:
    """The adapter for who names none: it goes with the model, has its encoder here, and is for such references."""
    liked = _LIKED[wish.kind or "subject"] if wish.embedding is None else _FACES
    able = [
        file
        for file in files
        if file.kind == IMAGE_ADAPTER and not file.problem and _variant(file) in liked
        if goes_with(file, model) and runs(IMAGE_ADAPTERS, file, model)
        if not file.views or any(_is_encoder(other) and fits(file, other) for other in files)
    ]
    return min(able, key=lambda file: (liked.index(_variant(file)), file.shipped, file.name), default=None)


def _variant(adapter: Entry) -> str:
    """Which relative it is: one for faces is like any other but for its name."""
    is_face = adapter.variant == "plus" and "face" in words_of(adapter.name)
    return "plus-face" if is_face else adapter.variant


def _is_encoder(file: Entry) -> bool:
    return file.kind == IMAGE_ENCODER and not file.problem


async def _started(
    gateway: Gateway, client: str, request: GenerateRequest, left: Mapping[str, ReferenceWish], model: Entry,
    warnings: list[Message],
) -> GenerateRequest:  # fmt: skip
    """The request with what no adapter attends to: the first is what it starts from, unless something else is."""
    field, first = next(iter(left.items()))
    kind, count = first.kind or "subject", len(left)
    if request.img is None and first.img is not None:
        strength = start_strength(first) if request.strength is None else request.strength
        img = await _small_enough(gateway, client, first, field)
        request = msgspec.structs.replace(request, img=img, strength=strength)
        warnings.append(_told("reference.start", "references", model, kind))
        if unused := [name for name in _OF_ADAPTERS if getattr(first, name) is not None]:
            warnings.append(message("reference.start_only", "references", names=", ".join(unused)))
        count -= 1
    if count:
        warnings.append(_told("reference.unattended", "references", model, kind, count=count))
    return request


async def _small_enough(gateway: Gateway, client: str, wish: ReferenceWish, field: str) -> str:
    """The picture, no side of it longer than is said, or than a picture to start from may have. Raises BadPicture."""
    assert wish.img is not None
    said = wish.max_side or gateway.settings.ref_image_max_size
    _, looked = await gateway.look(client, wish.img, field, largest=LOOKED_AT, reduced=True)
    if max(looked.result.width, looked.result.height) <= (said or MAX_SIDE):
        return wish.img
    largest = said or MOST_PAINTED
    _, looked = await gateway.look(client, wish.img, field, copy="smaller", largest=largest, reduced=True)
    return b64encode(looked.copy).decode("ascii")


def _told(code: str, field: str, model: Entry, kind: str, **more: int) -> Message:
    """That no adapter attends to it, with what would: the file, where one is known that fits."""
    family, size = model.family or model.name, made_for(model)
    made = {variant: families for variant, families in IMAGE_ADAPTERS.items() if size in _SIZES.get(variant, (size,))}
    if not any(model.family in families for families in made.values()):
        family = f"{family} {size}".rstrip()
        return message(code, field, why=message("reference.no_file", family=family), **more)
    if file := proper_file(model, kind):
        return message(code, field, why=message("reference.file", family=family, file=file), **more)
    return message(code, field, why=message("reference.width", family=family, width=model.context), **more)


def _faceless(adapter: Entry, model: Entry) -> Message:
    """That this one attends to a face for want of one made for faces, with the file that is, where one fits."""
    if (file := proper_file(model, "face")) != proper_file(model, "subject"):
        return message("reference.no_face", "references", name=adapter.name, file=file)
    return message("reference.faceless", "references", name=adapter.name)

"""Input pictures as this dialect means them: a mask is transparent where to paint, and a picture that carries its
recipe is varied with its own prompt."""

from __future__ import annotations

import asyncio
from base64 import b64encode

import msgspec

from ...asking.request import GenerateRequest
from ...messages import Message, message
from ...pictures.looking.decoder import LookAt
from ...words.errors import BadPicture
from ..orders.own_words import with_its_own_words
from .requests import ImagesRequest
from .tables import STRENGTH, STRENGTH_IN_MASK


async def with_pictures(translated: ImagesRequest, look: LookAt) -> tuple[GenerateRequest, list[Message]]:
    """The request with its pictures checked and prepared, and what is to be said of them.

    Raises BadPicture under our fields' names.
    """
    request = translated.request
    if request.img is None:
        return request, []
    if not translated.delivery.kind.prompted and not request.prompt:
        return await asyncio.to_thread(with_its_own_words, request), []
    if request.mask is not None:
        return await _with_mask(request, request.img, request.mask, look)
    if translated.own_alpha and (await look(request.img, "img"))[1].result.holes:
        strength = STRENGTH_IN_MASK if request.strength == STRENGTH else request.strength
        holes, _ = await _holes(request.img, "img", look)
        return msgspec.structs.replace(request, mask=holes, strength=strength), []
    return request, []


async def _with_mask(
    request: GenerateRequest, img: str, mask: str, look: LookAt
) -> tuple[GenerateRequest, list[Message]]:
    """The request, whose mask is transparent somewhere and as large as its picture. Raises BadPicture."""
    picture = (await look(img, "img"))[1].result
    result = (await look(mask, "mask"))[1].result
    if not result.holes:
        raise BadPicture(message("mask.opaque", "mask"))
    if (result.width, result.height) != (picture.width, picture.height):
        sizes = {"width": result.width, "height": result.height, "across": picture.width, "down": picture.height}
        raise BadPicture(message("mask.size", "mask", **sizes))
    holes, is_doubtful = await _holes(mask, "mask", look)
    notes: list[Message] = [message("mask.holes", "mask")] if is_doubtful else []
    return msgspec.structs.replace(request, mask=holes), notes


async def _holes(picture: str, field: str, look: LookAt) -> tuple[str, bool]:
    """The mask that paints where `picture` is transparent, and whether that isn't what the picture would say itself."""
    _, looked = await look(picture, field)
    if not looked.result.strokes:
        return picture, False
    _, looked = await look(picture, field, copy="holes")
    return b64encode(looked.copy).decode("ascii"), True

"""Input pictures as this dialect means them: a mask is transparent where to paint, a reference is scaled down first,
and a picture that carries its recipe is varied with its own prompt."""

from __future__ import annotations

from base64 import b64encode

import msgspec
from PIL import Image

from ... import images
from ...errors import BadPicture, BadRequest
from ...metadata import read_metadata
from ...request import MAX_PROMPT, GenerateRequest
from .requests import Wish
from .tables import STRENGTH, STRENGTH_IN_MASK


def with_pictures(wish: Wish, ref_image_max_size: int | None) -> GenerateRequest:
    """The request with its pictures checked and prepared: reads and writes pictures, so for a thread.

    Raises BadPicture under our fields' names.
    """
    request = wish.request
    if request.img is None:
        return request
    if not wish.delivery.kind.prompted and not request.prompt:
        return _with_its_own_words(request)
    is_reference = wish.spelled["img"] == "reference_images"
    if request.mask is None and not (is_reference and ref_image_max_size) and not wish.own_alpha:
        return request
    picture = _decoded(request.img, "img")
    if request.mask is not None:
        _check_mask(_decoded(request.mask, "mask"), picture)
    elif wish.own_alpha and _has_holes(picture):
        strength = STRENGTH_IN_MASK if request.strength == STRENGTH else request.strength
        return msgspec.structs.replace(request, mask=request.img, strength=strength)
    elif is_reference and ref_image_max_size and max(picture.size) > ref_image_max_size:
        picture.thumbnail((ref_image_max_size, ref_image_max_size), Image.Resampling.LANCZOS)
        return msgspec.structs.replace(request, img=b64encode(images.encode(picture)).decode("ascii"))
    return request


def _with_its_own_words(request: GenerateRequest) -> GenerateRequest:
    """The request with what its picture says that it shows, where it says so."""
    assert request.img is not None
    try:
        recipe = read_metadata(images.decode_base64(request.img, field="img"), field="img")
    except BadRequest:  # what it says can't be read: then it says nothing
        return request
    said = {} if recipe is None else recipe.meta
    own = {"prompt": said.get("prompt")} | ({"neg": said.get("neg")} if request.neg is None else {})
    words = {name: text for name, text in own.items() if isinstance(text, str) and 0 < len(text) <= MAX_PROMPT}
    return msgspec.structs.replace(request, **words)


def _decoded(text: str, field: str) -> Image.Image:
    return images.decode(images.decode_base64(text, field=field), field=field)


def _check_mask(mask: Image.Image, picture: Image.Image) -> None:
    if not _has_holes(mask):
        raise BadPicture("mask has no transparent pixels; these are where to paint", field="mask")
    if mask.size != picture.size:
        sizes = f"{mask.width}×{mask.height}, and img {picture.width}×{picture.height}"
        raise BadPicture(f"mask is {sizes} pixels; they must be of one size", field="mask")


def _has_holes(picture: Image.Image) -> bool:
    return picture.mode == "RGBA" and any(picture.getchannel("A").histogram()[:128])

"""A picture that is to be varied with no words beside it: it says itself what it shows, where it carries its recipe."""

from __future__ import annotations

import msgspec

from ...asking.request import MAX_PROMPT, GenerateRequest
from ...pictures import images
from ...pictures.metadata import read_metadata
from ...words.errors import BadRequest


def with_its_own_words(request: GenerateRequest) -> GenerateRequest:
    """The request with what its picture says that it shows, where it says so."""
    if request.img is None or request.prompt:
        return request
    try:
        recipe = read_metadata(images.decode_base64(request.img, field="img"), field="img")
    except BadRequest:  # what it says can't be read: then it says nothing
        return request
    meta = {} if recipe is None else recipe.meta
    own = {"prompt": meta.get("prompt")} | ({"neg": meta.get("neg")} if request.neg is None else {})
    words = {name: text for name, text in own.items() if isinstance(text, str) and 0 < len(text) <= MAX_PROMPT}
    return msgspec.structs.replace(request, **words)

"""The picture of who says no size: a model that paints small ones may name an upscaler, which enlarges them."""

from __future__ import annotations

from ..words.entry import Entry
from ..words.recipe import Hires
from .request import GenerateRequest
from .sizes import MAX_RESULT, Size

SCALE = 4.0


def own_upscaler(model: Entry, request: GenerateRequest, *usual: int | None) -> str | None:
    """The name of the upscaler that the model wants for this request; None where somebody said a size, or how.

    `usual` are the sides that the settings say.
    """
    said = (request.width, request.height, request.hires, request.img, *usual)
    return None if any(value is not None for value in said) else model.metadata.get("imagine.upscaler") or None


def enlarged_by(upscaler: str, size: Size) -> Hires:
    """The picture of that size enlarged, with nothing painted anew."""
    return Hires(scale=min(SCALE, MAX_RESULT / max(size)), strength=0.0, upscaler=upscaler)

"""Responses that are kept: all there is of one is its picture, whose name its id holds and whose recipe tells the rest.

So nothing is remembered beside the folder of pictures, a restart forgets nothing, and what goes there is gone here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple

from ...messages import message
from ...pictures.metadata import read_metadata
from ...words.errors import BadRequest
from ..gateway.storage import PictureStore
from .responses_replies import names_in

_MEDIA = {".png": "image/png", ".jpg": "image/jpeg", ".webp": "image/webp"}


class KeptPicture(NamedTuple):
    """What a response drew."""

    name: str
    data: bytes
    media_type: str
    made: float
    """In Unix seconds."""
    meta: Mapping[str, Any]
    """Its recipe."""


async def find(store: PictureStore, identifier: str) -> KeptPicture | None:
    """The picture of a response, or of a call, by its id; None where it isn't kept, or no longer."""
    return await asyncio.to_thread(_find, store, identifier)


async def remove(store: PictureStore, identifier: str, owner: str | None) -> bool:
    """Keeps it no longer; False where it wasn't, or is another's than that owner's. None may have any removed."""
    return await asyncio.to_thread(_remove, store, identifier, owner)


def recipe_of(data: bytes) -> Mapping[str, Any]:
    """What a picture says of how it was made; nothing where that can't be read."""
    try:
        recipe = read_metadata(data, field="img")
    except BadRequest:
        return {}
    return {} if recipe is None else recipe.meta


def missing(field: str, identifier: str) -> BadRequest:
    """That it isn't kept."""
    return BadRequest(message("responses.unknown", field, value=identifier[:100]))


def _find(store: PictureStore, identifier: str) -> KeptPicture | None:
    for name in names_in(identifier):
        if (stored := store.find(name)) is not None:
            try:
                data = stored.path.read_bytes()
            except FileNotFoundError:  # it went just now
                return None
            return KeptPicture(name, data, _MEDIA[stored.path.suffix], stored.made, recipe_of(data))
    return None


def _remove(store: PictureStore, identifier: str, owner: str | None) -> bool:
    names = [name for name in names_in(identifier) if owner is None or store.is_of(name, owner)]
    found = [stored for name in names if (stored := store.find(name)) is not None]
    for stored in found:
        stored.path.unlink(missing_ok=True)
    return bool(found)

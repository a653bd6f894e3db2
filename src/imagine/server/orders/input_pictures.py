"""The pictures that came with a request: their files, found to be sound."""

from __future__ import annotations

from typing import NamedTuple

from ...asking.resolve import Picture
from ...fairness.allowance import Holding
from ..gateway.gateway import Gateway
from .incoming import Incoming


class InputPicture(NamedTuple):
    """A picture's file, and what a recipe must know of it."""

    data: bytes
    about: Picture


class InputPictures(NamedTuple):
    """Those of one request."""

    img: InputPicture | None = None
    mask: InputPicture | None = None


async def input_pictures(gateway: Gateway, incoming: Incoming, holding: Holding) -> InputPictures:
    """Looks at what came; `holding` keeps what it takes from now on, and nothing else. Raises BadPicture, Busy."""
    img = await _looked_at(gateway, incoming.request.img, "img", incoming.client)
    mask = await _looked_at(gateway, incoming.request.mask, "mask", incoming.client)
    holding.hold(sum(len(picture.data) for picture in (img, mask) if picture))
    return InputPictures(img, mask)


async def _looked_at(gateway: Gateway, text: str | None, field: str, client: str) -> InputPicture | None:
    if text is None:
        return None
    data, looked = await gateway.look(client, text, field)
    return InputPicture(data, Picture(looked.digest, looked.result.width, looked.result.height))

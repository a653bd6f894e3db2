"""A picture in the format that its client takes, its recipe in it."""

from __future__ import annotations

from typing import Any

import msgspec

from ...pictures import images
from ..gateway.gateway import Gateway
from .output import Output
from .painted import Painted

MEDIA_TYPES: dict[str, images.MediaType] = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}


async def encode(gateway: Gateway, painted: Painted, output: Output) -> Painted:
    """The picture in the order's format; a PNG stays as the worker made it."""
    finished = painted.finished
    data = await encoded(gateway, finished.data, output, finished.meta)
    media_type = MEDIA_TYPES[output.format]
    return painted._replace(finished=msgspec.structs.replace(finished, data=data, media_type=media_type))


async def encoded(gateway: Gateway, data: bytes, output: Output, meta: dict[str, Any] | None = None) -> bytes:
    """The bytes of a PNG of ours in the format asked for."""
    if output.format == "png":
        return data
    return await gateway.apart(lambda: _encoded(data, output, meta))


def _encoded(data: bytes, output: Output, meta: dict[str, Any] | None) -> bytes:
    picture = images.decode(data, field="picture")
    return images.encode(picture, MEDIA_TYPES[output.format], quality=output.quality, meta=meta)

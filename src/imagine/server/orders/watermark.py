"""Whether a picture's pixels are marked: by whose wish, the owner's first."""

from __future__ import annotations

import msgspec

from ...messages import message
from ..gateway.gateway import Gateway
from .incoming import Incoming


async def with_watermark(gateway: Gateway, incoming: Incoming) -> Incoming:
    """The request, asking for a mark where the owner has all pictures marked; that it can't do without is said."""
    request = incoming.request
    if not gateway.settings.watermark or request.watermark:
        return incoming
    notes = [message("watermark.kept", "watermark")] if request.watermark is False else []
    marked = msgspec.structs.replace(request, watermark=True)
    return incoming._replace(request=marked, warnings=(*incoming.warnings, *notes))

"""Input pictures as this dialect means them: its masks are read otherwise than ours."""

from __future__ import annotations

from base64 import b64encode

import msgspec

from ...asking.request import GenerateRequest
from ...pictures.looking.decoder import LookAt
from .requests import WebUIRequest


async def with_mask_read(asked: WebUIRequest, look: LookAt) -> GenerateRequest:
    """The request, its mask white where to paint. Raises BadPicture."""
    request = asked.request
    if asked.mask is None or request.mask is None:
        return request
    _, looked = await look(request.mask, "mask", copy="mask", reading=asked.mask)
    return msgspec.structs.replace(request, mask=b64encode(looked.copy).decode("ascii"))

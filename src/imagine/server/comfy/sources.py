"""The pictures that a graph names, put into its request."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from ...asking.controls import ControlWish
from ...asking.request import GenerateRequest
from ...pictures.looking.decoder import Decoder
from ...pictures.looking.look import Copy
from .graph import GraphNode
from .requests import ComfyRequest, PictureNeeded
from .room import ComfyRoom
from .uploads import Owner, SentPicture, named

_CHANNELS: Mapping[str, Copy] = {"alpha": "holes", "red": "red", "green": "green", "blue": "blue"}


async def pictures_named(
    room: ComfyRoom, decoder: Decoder, owner: Owner, nodes: Iterable[GraphNode]
) -> dict[str, SentPicture]:
    """Those of the nodes' pictures that are here, by their names. Raises BadPicture."""
    found: dict[str, SentPicture] = {}
    for name in dict.fromkeys(node.inputs["image"] for node in nodes if isinstance(node.inputs.get("image"), str)):
        known = named(name)
        if known is None:
            continue
        if (upload := room.uploads.find(owner, known)) is not None:
            found[name] = upload
        elif (made := await room.picture(owner, known)) is not None:
            found[name] = await looked_at(decoder, made[0], owner)
    return found


async def looked_at(decoder: Decoder, data: bytes, owner: Owner, mask: bytes = b"") -> SentPicture:
    """A picture, once it is known to be one. Raises BadPicture."""
    about = (await decoder.look(data, "image", owner[0])).result
    return SentPicture(data, about.width, about.height, about.holes, mask)


async def with_pictures(
    asked: ComfyRequest, found: Mapping[str, SentPicture], decoder: Decoder, owner: Owner
) -> GenerateRequest:
    """The request with its pictures. Raises GraphRefused for one that isn't here, or has no such channel."""
    request, controls = asked.request, list[ControlWish](asked.request.control or ())
    for need in asked.pictures:
        text = b64encode(await _bytes_of(need, found, decoder, owner)).decode("ascii")
        head, _, place = need.field.partition(".")
        if place:
            controls[int(place)] = msgspec.structs.replace(controls[int(place)], image=text)
        else:
            changes: dict[str, Any] = {head: text}
            request = msgspec.structs.replace(request, **changes)
    return msgspec.structs.replace(request, control=tuple(controls)) if controls else request


async def _bytes_of(need: PictureNeeded, found: Mapping[str, SentPicture], decoder: Decoder, owner: Owner) -> bytes:
    node, client = need.said.node, owner[0]
    name = node.inputs["image"]
    if (upload := found.get(name)) is None:
        raise node.refused("custom_validation_failed", "image", "comfy.no_picture", value=name[:100])
    if not need.channel:
        if not upload.has_holes:
            return upload.data
        return (await decoder.look(upload.data, "image", client, copy="opaque")).copy
    data = upload.mask or upload.data if need.channel == "alpha" else upload.data
    copy = (await decoder.look(data, "image", client, copy=_CHANNELS[need.channel])).copy
    if not copy:
        raise node.refused("custom_validation_failed", "image", "comfy.no_alpha", value=name[:100])
    return copy

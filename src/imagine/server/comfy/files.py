"""Pictures that come before graphs name them (`/upload/…`), and those that came of graphs (`/view`)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from aiohttp import web

from ...asking.checking import refusal
from ...messages import message
from ...words.errors import BadPicture, BadRequest
from ..gateway.keys import GATEWAY
from ..http.body import read_body
from ..http.security import Refused, client_of
from .prompts import picture_of
from .room import owner_of, room_of
from .routes import answered
from .sources import looked_at
from .uploads import SentName, named

_YES = ("true", "1")
_BEGINNINGS = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"RIFF": "image/webp"}
Form = Mapping[str, Any]


async def upload_image(request: web.Request) -> web.Response:
    """Keeps a picture for graphs to come."""
    with request.app[GATEWAY].allowance.holding() as holding:
        form = await _form(request, await read_body(request, holding))
        name = _named(form)
        upload = await looked_at(request.app[GATEWAY].decoder, form["image"], owner_of(request))
    overwrite = str(form.get("overwrite", "")).lower() in _YES
    kept = room_of(request).uploads.keep(owner_of(request), name, upload, overwrite=overwrite)
    return answered(_told(kept))


async def upload_mask(request: web.Request) -> web.Response:
    """Keeps a picture that came before, with the transparent pixels of another as its mask."""
    room, owner, decoder = room_of(request), owner_of(request), request.app[GATEWAY].decoder
    with request.app[GATEWAY].allowance.holding() as holding:
        form = await _form(request, await read_body(request, holding))
        name, original = _named(form), _original(form)
        known = room.uploads.find(owner, original)
        if known is None and (made := await room.picture(owner, original)) is not None:
            known = await looked_at(decoder, made[0], owner)
        if known is None:
            raise BadPicture(message("comfy.absent", "original_ref", value=original.path))
        mask = await looked_at(decoder, form["image"], owner)
        upload = known._replace(mask=mask.data)
    overwrite = str(form.get("overwrite", "")).lower() in _YES
    return answered(_told(room.uploads.keep(owner, name, upload, overwrite=overwrite)))


async def view(request: web.Request) -> web.Response:
    """A picture of the client's: one that came of a graph, or one that it sent."""
    said = (request.query.get("filename", ""), request.query.get("subfolder", ""), request.query.get("type", "output"))
    name, room, owner = named(*said), room_of(request), owner_of(request)
    found: tuple[bytes, str] | None = None
    if name is not None:
        sent = room.uploads.find(owner, name)
        found = (sent.data, _type_of(sent.data)) if sent is not None else await room.picture(owner, name)
    if name is None or found is None:
        raise Refused(404, message("comfy.absent", "filename", value=said[0][:100]))
    headers = {"Content-Disposition": f"inline; filename*=UTF-8''{quote(name.name)}", "Cache-Control": "no-store"}
    return web.Response(body=found[0], content_type=found[1], headers=headers)


async def _form(request: web.Request, body: bytes) -> dict[str, Any]:
    """The fields of a form, whose `image` is a file's bytes. Raises BadRequest."""
    from ..http.forms import parts_from  # only who sends a form needs its reader

    kind = request.headers.get("Content-Type", "")

    def read() -> dict[str, Any]:
        fields: dict[str, Any] = {}
        for part in parts_from(body, kind):
            if part.name == "image":
                fields |= {"image": part.data, "filename": part.filename}
            else:
                fields[part.name] = part.data.decode("utf-8", "replace")
        return fields

    fields = await request.app[GATEWAY].apart(read, client_of(request))
    if not fields.get("image"):
        raise BadPicture(message("value.missing", "image", allowed=message("comfy.file")), reason="missing")
    return fields


def _named(form: Form) -> SentName:
    """What a picture is to be called. Raises BadRequest."""
    kind = form.get("type") or "input"
    name = named(str(form.get("filename") or ""), str(form.get("subfolder") or ""), str(kind))
    if name is None:
        raise refusal("filename", form.get("filename") or "", message("comfy.name"))
    return name


def _original(form: Form) -> SentName:
    """Which picture a mask is for. Raises BadRequest."""
    try:
        said = json.loads(form.get("original_ref") or "")
    except (ValueError, RecursionError) as error:
        raise BadRequest(message("comfy.ref", "original_ref")) from error
    parts = [said.get(name) or "" for name in ("filename", "subfolder", "type")] if isinstance(said, dict) else []
    if not parts or not all(isinstance(part, str) for part in parts):
        raise BadRequest(message("comfy.ref", "original_ref"))
    name = named(parts[0], parts[1], parts[2] or "output")
    if name is None:
        raise BadRequest(message("comfy.ref", "original_ref"))
    return name


def _told(name: SentName) -> dict[str, str]:
    told = picture_of(name)
    return {"name": told["filename"], "subfolder": told["subfolder"], "type": told["type"]}


def _type_of(data: bytes) -> str:
    """The media type of a picture that is known to be one."""
    return next((kind for start, kind in _BEGINNINGS.items() if data.startswith(start)), "application/octet-stream")

"""`POST /v1/files`: what a program has to show, at an address that holds all of it. Nothing is kept here.

These clients send a picture on its way to a prediction here first, and put the address of the answer into `input`. A
data URL is an address, so the server has nothing to remember, to forget, or to keep from others.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from typing import Any

from aiohttp import web

from ...asking.checking import refusal
from ...messages import message
from ..gateway.keys import GATEWAY
from ..http.body import read_body
from ..http.encoding import body_from
from ..http.forms import parts_from
from ..http.security import client_of
from .answers import data_url, moment_of

_CONTENT = "content"


async def create(request: web.Request) -> web.Response:
    """The file that a form holds, as an address of it."""
    with request.app[GATEWAY].allowance.holding() as holding:
        body, form = await read_body(request, holding), request.headers.get("Content-Type", "")

        def told(body: bytes) -> bytes:
            return body_from(file_from_form(body, form, time.time()))

        said = await request.app[GATEWAY].read(body, told, client_of(request))
    return web.Response(status=201, body=said, content_type="application/json")


def file_from_form(body: bytes, content_type: str, now: float) -> dict[str, Any]:
    """What is told of the file in a form that came at `now`, in Unix seconds. Raises BadRequest."""
    part = next((part for part in parts_from(body, content_type) if part.name == _CONTENT), None)
    if part is None:
        raise refusal(_CONTENT, None, message("replicate.file"), reason="missing")
    digest, kind = hashlib.sha256(part.data).hexdigest(), part.content_type or "application/octet-stream"
    return {
        "id": secrets.token_urlsafe(16),
        "name": part.filename or _CONTENT,
        "content_type": kind,
        "size": len(part.data),
        "etag": digest,
        "checksums": {"sha256": digest},
        "metadata": {},
        "created_at": moment_of(now),
        "expires_at": None,
        "urls": {"get": data_url(kind, part.data)},
    }

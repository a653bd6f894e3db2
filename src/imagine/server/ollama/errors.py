"""What goes wrong, as Ollama's clients read it: `{"error": sentence}` in English; programs find the rest beside it.

They take a 404 for a model to be pulled: of any other file that isn't there they get a 400.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from ...words.errors import PartNotFound
from ..http.encoding import body_from
from ..http.errors import Trouble, refused_by
from .answers import NAMED


def response_from(_: web.Request, trouble: Trouble) -> web.Response:
    """The answer to what went wrong."""
    body = body_from(error_from(trouble))
    status = 400 if isinstance(trouble.error, PartNotFound) else trouble.status
    return web.Response(status=status, body=body, content_type="application/json", headers=trouble.headers)


def error_from(trouble: Trouble) -> dict[str, Any]:
    """The object that says what went wrong."""
    field, value = trouble.field(NAMED), trouble.note.value
    about: dict[str, Any] = {"field": field} if field else {}
    if field and value is not None:
        about["value"] = value
    return {"error": trouble.sentence(NAMED), "code": trouble.note.code, **about, **refused_by(trouble.error)}

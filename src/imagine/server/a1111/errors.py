"""What goes wrong, as that program's clients read it: `{"error", "detail", "body", "errors"}`; programs find the rest
beside it."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from ..http.encoding import body_from
from ..http.errors import Trouble, refused_by
from .fields import NAMED

_UNAUTHORISED = 401
CHALLENGE = 'Basic realm="the key is the password"'
"""As that program's `--api-auth` asks for it: who has credentials for it sends them so."""


def response_from(_: web.Request, trouble: Trouble) -> web.Response:
    """The answer to what went wrong."""
    body, headers = body_from(error_from(trouble)), dict(trouble.headers)
    if trouble.status == _UNAUTHORISED:
        headers["WWW-Authenticate"] = CHALLENGE
    return web.Response(status=trouble.status, body=body, content_type="application/json", headers=headers)


def error_from(trouble: Trouble) -> dict[str, Any]:
    """The object that says what went wrong."""
    said, field = trouble.sentence(NAMED), trouble.field(NAMED)
    about: dict[str, Any] = {"field": field} if field else {}
    kind = "HTTPException" if trouble.error is None else type(trouble.error).__name__
    return {
        "error": kind, "detail": said, "body": "", "errors": said, "code": trouble.note.code, **about,
        **refused_by(trouble.error),
    }  # fmt: skip

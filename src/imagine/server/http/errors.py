"""Exceptions as HTTP answers: the one place where a status is decided.

Whatever goes wrong becomes a `Trouble`, and a `Trouble` an answer in the shape of the dialect that was spoken.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from aiohttp import web

from ...messages import Message, Note, message, sentence
from ...words import errors
from .body import MAX_BODY, TooLarge, TooSlow
from .context import LANGUAGE, REQUEST_ID
from .encoding import body_from
from .security import Refused

_log = logging.getLogger(__name__)

SAFE = {"X-Content-Type-Options": "nosniff", "Server": "Imagine"}
"""Headers of every answer, to what is no HTTP too: nobody guesses its type, or learns which release of what answers."""
STATUSES: dict[type[errors.ImagineError], int] = {
    errors.BadRequest: 400,
    errors.BadPicture: 400,
    errors.Blocked: 400,
    errors.Unsupported: 400,
    errors.ModelNotFound: 404,
    errors.UnusableModel: 422,
    errors.ModelChanged: 409,
    errors.Cancelled: 499,
    errors.WorkerLost: 502,
    errors.Busy: 503,
    errors.OutOfMemory: 507,
    errors.ImagineError: 500,
}
"""Each class of ours; 499 is the status that proxies log for a client that went away."""


class Trouble(NamedTuple):
    """Why a request isn't answered as it was asked, before a dialect gives it its shape."""

    status: int
    note: Note
    headers: Mapping[str, str] = MappingProxyType({})
    error: Exception | None = None
    """What was raised, where a dialect wants to know more."""
    final: bool = False
    """Nothing more can be read from this connection."""

    @property
    def sentence(self) -> str:
        """What is wrong, in English."""
        return str(self.note)

    @property
    def field(self) -> str | None:
        """The field that is wrong, where one is."""
        return self.error.field if isinstance(self.error, errors.ImagineError) else None


def trouble_from(error: Exception) -> Trouble:
    """What may be told of anything that was raised; what isn't ours is logged whole."""
    match error:
        case Refused():
            challenge = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
            return Trouble(error.status, error.note, challenge, error)
        case TooLarge():
            return Trouble(413, message("body.too_large", most=MAX_BODY), error=error)
        case TooSlow():
            return Trouble(408, message("body.too_slow"), error=error)
        case errors.ImagineError():
            wait = {"Retry-After": str(math.ceil(error.retry_after))} if isinstance(error, errors.Busy) else {}
            return Trouble(status_of(error), error.note, wait, error)
        case web.HTTPException():
            kept = {name: error.headers[name] for name in ("Allow", "Accept-Encoding") if name in error.headers}
            return Trouble(error.status, _NOTES.get(error.status, error.reason.lower()), kept, error)
        case web.RequestPayloadError():
            return Trouble(400, message("body.broken"), error=error, final=True)
    return Trouble(500, note_of(error, REQUEST_ID.get()), error=error)


def native_answer(trouble: Trouble) -> web.Response:
    """The shape of every dialect that has none of its own: `{"error": sentence}`, in the client's language."""
    return refusal(trouble.status, trouble.note, **trouble.headers)


def status_of(error: errors.ImagineError) -> int:
    """The status of an error of ours: that of its class, or of the nearest class above."""
    return next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)


def refusal(status: int, note: Note, **headers: str) -> web.Response:
    """`{"error": sentence}`, and the `code` and `field` of what has them."""
    return web.Response(
        status=status, body=body_from(native_error(note)), content_type="application/json", headers=headers
    )


def native_error(note: Note) -> dict[str, str]:
    """What our own dialect says of an error, in the client's language."""
    coded = {"code": note.code} if isinstance(note, Message) else {}
    field = {"field": note.field} if isinstance(note, Message) and note.field else {}
    return {"error": sentence(note, LANGUAGE.get())} | coded | field


def response_from_http(error: web.HTTPException) -> web.Response:
    """aiohttp's own refusals (no such path, no such method) in our shape."""
    return native_answer(trouble_from(error))


_NOTES = {
    404: message("http.path"),
    405: message("http.method"),
    415: message("http.compressed"),
    417: message("http.expect"),
}


def note_of(error: BaseException, request_id: str) -> Note:
    """What a client may know of an error, ours or not; what isn't ours is logged whole."""
    if isinstance(error, errors.ImagineError):
        return error.note
    _log.error("request %s failed", request_id, exc_info=error)
    return message("http.internal", request=request_id)

"""Exceptions as HTTP answers: the one place where a status is decided.

Whatever goes wrong becomes a `Trouble`, and a `Trouble` an answer in the shape of the dialect that was spoken.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from aiohttp import web

from ...messages import Language, Message, Names, field_of, message, sentence, template
from ...words import errors
from .body import MAX_BODY, TooLarge, TooSlow
from .context import CALLED, LANGUAGE, REQUEST_ID
from .encoding import body_from
from .security import Refused

_log = logging.getLogger(__name__)

POLICY_VIOLATION = "content_policy_violation"
"""The `code` of everything that the owner, or their policy, doesn't want drawn."""
SAFE = {"X-Content-Type-Options": "nosniff", "Server": "Imagine"}
"""Headers of every answer, to what is no HTTP too: nobody guesses its type, or learns which release of what answers."""
STATUSES: dict[type[errors.ImagineError], int] = {
    errors.BadRequest: 400,
    errors.BadPicture: 400,
    errors.Blocked: 400,
    errors.PartNotFound: 404,
    errors.Unsupported: 400,
    errors.ModelNotFound: 404,
    errors.UnusableModel: 422,
    errors.ModelChanged: 409,
    errors.Cancelled: 499,
    errors.WorkerLost: 502,
    errors.AssistantFailed: 502,
    errors.DownloadFailed: 502,
    errors.Busy: 503,
    errors.OverQuota: 429,
    errors.OutOfMemory: 507,
    errors.ImagineError: 500,
}
"""Each class of ours; 499 is the status that proxies log for a client that went away."""


class Trouble(NamedTuple):
    """Why a request isn't answered as it was asked, before a dialect gives it its shape."""

    status: int
    note: Message
    headers: Mapping[str, str] = MappingProxyType({})
    error: Exception | None = None
    """What was raised, where a dialect wants to know more."""
    final: bool = False
    """Nothing more can be read from this connection."""

    def sentence(self, called: Names) -> str:
        """What is wrong, in English and in the client's names; `called` are those that its dialect has anyway."""
        return sentence(self.note, called={**called, **CALLED.get()})

    def field(self, called: Names) -> str | None:
        """The field that is wrong, where one is, by the client's name."""
        return field_of(self.note, {**called, **CALLED.get()})


def trouble_from(error: Exception) -> Trouble:
    """What may be told of anything that was raised; what isn't ours is logged whole."""
    match error:
        case Refused():
            challenge = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
            return Trouble(error.status, error.note, {**challenge, **error.headers}, error)
        case TooLarge():
            return Trouble(413, message("body.too_large", most=MAX_BODY), error=error)
        case TooSlow():
            return Trouble(408, message("body.too_slow"), error=error)
        case errors.ImagineError():
            wait = {"Retry-After": str(math.ceil(error.retry_after))} if isinstance(error, errors.Busy) else {}
            return Trouble(status_of(error), error.note, wait, error)
        case web.HTTPException():
            kept = {name: error.headers[name] for name in ("Allow", "Accept-Encoding") if name in error.headers}
            return Trouble(
                error.status,
                _NOTES.get(error.status, message("http.status", status=error.status, why=error.reason.lower())),
                kept,
                error,
            )
        case web.RequestPayloadError():
            return Trouble(400, message("body.broken"), error=error, final=True)
    return Trouble(500, note_of(error, REQUEST_ID.get()), error=error)


def native_answer(trouble: Trouble) -> web.Response:
    """The shape of every dialect that has none of its own: `{"error": sentence}`, in the client's language."""
    return _answer(trouble.status, native_error(trouble.note, trouble.error), trouble.headers)


def status_of(error: errors.ImagineError) -> int:
    """The status of an error of ours: that of its class, or of the nearest class above."""
    return next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)


def refusal(status: int, note: Message, **headers: str) -> web.Response:
    """`{"error": sentence}` and what stands beside it, see `native_error`."""
    return _answer(status, native_error(note), headers)


def _answer(status: int, said: dict[str, Any], headers: Mapping[str, str]) -> web.Response:
    return web.Response(status=status, body=body_from(said), content_type="application/json", headers=headers)


def native_error(note: Message, error: Exception | None = None) -> dict[str, Any]:
    """What our own dialect says of an error, in the client's language."""
    language, called = LANGUAGE.get(), CALLED.get()
    return {"error": sentence(note, language, called), **details_of(note, language, called), **refused_by(error)}


def refused_by(error: Exception | None) -> dict[str, Any]:
    """What a program can know of why it isn't drawn, where that is what is wrong."""
    if not isinstance(error, errors.Blocked):
        return {}
    verdict = error.verdict
    return {"code": POLICY_VIOLATION, "categories": [*verdict.categories], "stage": verdict.stage, "rule": verdict.rule}


def details_of(note: Message, language: Language, called: Names) -> dict[str, Any]:
    """What a program can act on: the `code`, the `field` and its `value`, and the sentence with our fields in braces.

    The last is for who has names of its own for them, and there where the sentence names any.
    """
    details: dict[str, Any] = {"code": note.code}
    if (field := field_of(note, called)) is not None:
        details["field"] = field
        if (value := note.value) is not None:
            details["value"] = value
    form = template(note, language)
    return details if form is None else details | {"template": form}


_NOTES = {
    404: message("http.path"),
    405: message("http.method"),
    415: message("http.compressed"),
    417: message("http.expect"),
}


def note_of(error: BaseException, request_id: str) -> Message:
    """What a client may know of an error, ours or not; what isn't ours is logged whole."""
    if isinstance(error, errors.ImagineError):
        return error.note
    _log.error("request %s failed", request_id, exc_info=error)
    return message("http.internal", request=request_id)

"""Our exceptions as HTTP answers: the one place where a status is decided."""

from __future__ import annotations

import logging
import math

from aiohttp import web

from .. import errors
from .native import body_from

_log = logging.getLogger(__name__)

STATUSES: dict[type[errors.ImagineError], int] = {
    errors.BadRequest: 400,
    errors.BadPicture: 400,
    errors.Unsupported: 400,
    errors.ModelNotFound: 404,
    errors.UnusableModel: 422,
    errors.Cancelled: 499,
    errors.WorkerLost: 502,
    errors.Busy: 503,
    errors.OutOfMemory: 507,
    errors.ImagineError: 500,
}
"""Each class of ours; 499 is the status that proxies log for a client that went away."""


def status_of(error: errors.ImagineError) -> int:
    """The status of an error of ours: that of its class, or of the nearest class above."""
    return next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)


def refusal(status: int, sentence: str, **headers: str) -> web.Response:
    """`{"error": sentence}`."""
    return web.Response(
        status=status, body=body_from({"error": sentence}), content_type="application/json", headers=headers
    )


def response_from_error(error: errors.ImagineError) -> web.Response:
    """The answer that says what went wrong, and when to come again where waiting helps."""
    headers = {"Retry-After": str(math.ceil(error.retry_after))} if isinstance(error, errors.Busy) else {}
    return refusal(status_of(error), str(error), **headers)


def response_from_http(error: web.HTTPException) -> web.Response:
    """aiohttp's own refusals (no such path, no such method) in our shape."""
    allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
    return refusal(error.status, _SENTENCES.get(error.status, error.reason.lower()), **allow)


_SENTENCES = {
    404: "there is nothing at this path",
    405: "this path doesn't take this method",
    415: "the body is compressed; send it as it is",
}


def sentence_of(error: Exception, request_id: str) -> str:
    """What a client may know of an error, ours or not; what isn't ours is logged whole."""
    if isinstance(error, errors.ImagineError):
        return str(error)
    _log.error("request %s failed", request_id, exc_info=error)
    return f"an internal error, logged under request id {request_id}"

"""What goes wrong, in the shape that OpenAI's clients know: `{"error": {message, type, param, code}}`."""

from __future__ import annotations

import math
from contextvars import ContextVar
from typing import Any, NamedTuple

from aiohttp import web

from ...fairness.quotas import LimitLeft
from ...words import errors
from ..gateway.keys import GATEWAY
from ..http.encoding import body_from
from ..http.errors import POLICY_VIOLATION, Trouble
from .fields import NAMED

_INVALID = "invalid_request_error"
_OF_SERVER = "server_error"
_REASONS: dict[errors.Reason, str] = {
    "missing": "missing_required_parameter",
    "type": "invalid_type",
    "too small": "integer_below_min_value",
    "too large": "integer_above_max_value",
    "too long": "string_above_max_length",
    "value": "invalid_value",
}
_KINDS: dict[type[Exception], tuple[str, str]] = {
    errors.BadPicture: ("image_generation_user_error", "invalid_image_file"),
    errors.Unsupported: (_INVALID, "unsupported_value"),
    errors.ModelNotFound: (_INVALID, "model_not_found"),
    errors.UnusableModel: (_INVALID, "model_not_usable"),
    errors.ModelChanged: (_OF_SERVER, "model_changed"),
    errors.OutOfMemory: (_OF_SERVER, "out_of_memory"),
}
_UNKNOWN = 401
_PATIENCE = 60.0
"""Seconds for which these clients wait where they are told to; beyond it they would ask again at once."""
_WORTH_A_RETRY = (408, 409, 429, 500, 502, 503)
"""Where trying again may help; for every other status the client is told that it won't."""


_REJECTED = "Your request was rejected as a result of our safety system: "
"""How a refusal begins that OpenAI's users, and their programs, know."""
OF_DALL_E: ContextVar[bool] = ContextVar("of_dall_e", default=False)
"""Does the request name one of DALL·E's models? Their clients know refusals by another code."""


class ErrorKind(NamedTuple):
    """What OpenAI calls an error."""

    status: int
    type: str
    code: str | None


def response_from(request: web.Request, trouble: Trouble) -> web.Response:
    """The answer to what went wrong."""
    stopping = request.app[GATEWAY].stopping
    kind = kind_of(trouble, stopping=stopping)
    error = trouble.error
    too_long = isinstance(error, errors.OverQuota) and error.retry_after > _PATIENCE
    retry = (
        {}
        if kind.status in _WORTH_A_RETRY and not _is_certain(trouble) and not too_long
        else {"x-should-retry": "false"}
    )
    return web.Response(
        status=kind.status,
        body=body_from({"error": error_from(trouble, stopping=stopping)}),
        content_type="application/json",
        headers={**trouble.headers, **retry},
    )


def limit_headers(limit: LimitLeft) -> dict[str, str]:
    """What is left of a limit, as OpenAI's clients read it."""
    values = {"limit": str(limit.most), "remaining": str(limit.left), "reset": _span(math.ceil(limit.wait))}
    return {f"x-ratelimit-{name}-requests": value for name, value in values.items()}


def _span(seconds: int) -> str:
    """`1h2m3s`, without what is none before."""
    hours, rest = divmod(seconds, 3600)
    parts = ((hours, "h"), (rest // 60, "m"), (rest % 60, "s"))
    said = "".join(f"{count}{unit}" for count, unit in parts if count)
    return said or "0s"


def error_from(trouble: Trouble, *, stopping: bool = False) -> dict[str, Any]:
    """The object that says what went wrong; all four keys are always there."""
    kind, said = kind_of(trouble, stopping=stopping), trouble.sentence(NAMED)
    error: dict[str, Any] = {"message": said, "type": kind.type, "param": trouble.field(NAMED), "code": kind.code}
    if not isinstance(trouble.error, errors.Blocked):
        return error
    verdict = trouble.error.verdict
    details = {
        "categories": [*verdict.categories],
        "moderation_stage": "input" if verdict.stage == "prompt" else "output",
    }
    return error | {"message": _REJECTED + said, "param": None, "moderation_details": details}


def kind_of(trouble: Trouble, *, stopping: bool = False) -> ErrorKind:
    """OpenAI's words for it."""
    error, status = trouble.error, trouble.status
    if isinstance(error, errors.Busy) and not stopping:
        return ErrorKind(429, "requests", "rate_limit_exceeded")
    if isinstance(error, errors.Blocked):
        old, new = (_INVALID, POLICY_VIOLATION), ("image_generation_user_error", "moderation_blocked")
        return ErrorKind(status, *(old if OF_DALL_E.get() else new))
    if isinstance(error, errors.BadPicture) and error.field == "mask":
        return ErrorKind(status, "image_generation_user_error", "invalid_mask_image_format")
    if error is not None and (known := _KINDS.get(type(error))):
        return ErrorKind(status, *known)
    if isinstance(error, errors.BadRequest):
        return ErrorKind(status, _INVALID, _REASONS[error.reason] if trouble.note.field else None)
    code = "invalid_api_key" if status == _UNKNOWN else "missing_scope" if trouble.note.code == "guard.scope" else None
    return ErrorKind(status, _INVALID if status < 500 else _OF_SERVER, code)


def _is_certain(trouble: Trouble) -> bool:
    """Would the same request fail again? Not where a worker was lost or the server is busy; else ours don't change."""
    error = trouble.error
    return isinstance(error, errors.ImagineError) and not isinstance(error, errors.Busy | errors.WorkerLost)

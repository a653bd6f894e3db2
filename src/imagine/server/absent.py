"""What other servers do and this one doesn't: a program that asks for it is told so, and what there is instead."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NoReturn

from aiohttp import web

from ..messages import Message, message
from .http.security import Refused

_OPENAI, _OLLAMA = "POST /v1/images/generations", "POST /api/generate"
_TEXT = ("chat/completions", "completions", "responses", "embeddings", "moderations")
_SPEECH = ("audio/speech", "audio/transcriptions", "audio/translations")
_FILES = (("POST", "/api/create"), ("POST", "/api/copy"), ("POST", "/api/push"), ("DELETE", "/api/delete"))


def _saying(status: int, note: Message) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def refuse(_: web.Request) -> NoReturn:
        raise Refused(status, note)

    return refuse


ABSENT = [
    *(("POST", f"/v1/{name}", _saying(404, message("absent", instead=_OPENAI))) for name in (*_TEXT, *_SPEECH)),
    *(("POST", f"/api/{name}", _saying(400, message("absent", instead=_OLLAMA))) for name in ("chat", "embed")),
    ("POST", "/api/embeddings", _saying(400, message("absent", instead=_OLLAMA))),
    *((method, path, _saying(400, message("absent.files", instead="GET /api/tags"))) for method, path in _FILES),
]
"""Method, path and handler of each. Ollama's clients take a 404 for a model to be pulled, so they get a 400."""

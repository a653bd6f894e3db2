"""OpenAI's dialect, and Azure's, which says the model in the path."""

from __future__ import annotations

import re

from aiohttp import web

from ...messages import message
from ..http.dialect import Absent, Dialect, Route
from . import errors, models, moderations, routes
from .describe import described, schemas


async def _create(request: web.Request) -> web.StreamResponse:
    from .responses import create  # who never asks for a response never pays for them

    return await create(request)


async def _retrieve(request: web.Request) -> web.StreamResponse:
    from .responses import retrieve

    return await retrieve(request)


async def _delete(request: web.Request) -> web.StreamResponse:
    from .responses import delete

    return await delete(request)


_DEPLOYMENTS = "/openai/deployments/"
"""Below which Azure's clients say the model in the path."""
ROUTES = (
    Route(
        "POST",
        "/v1/images/generations",
        routes.generations,
        "Make pictures, as OpenAI's clients ask for them.",
        orders=True,
    ),
    Route("POST", "/v1/images/edits", routes.edits, "Change a picture, as OpenAI's clients ask for it.", orders=True),
    Route(
        "POST",
        "/v1/images/variations",
        routes.variations,
        "Pictures like a picture, as OpenAI's clients ask.",
        orders=True,
    ),
    Route(
        "POST",
        _DEPLOYMENTS + "{deployment:.+}/images/generations",
        routes.generations,
        "Make pictures, as Azure's clients ask.",
        orders=True,
    ),
    Route(
        "POST",
        _DEPLOYMENTS + "{deployment:.+}/images/edits",
        routes.edits,
        "Change a picture, as Azure's clients ask.",
        orders=True,
    ),
    Route(
        "POST", "/v1/responses", _create, "Draw or change a picture, by the tool of OpenAI's Responses.", orders=True
    ),
    Route("GET", "/v1/responses/{id}", _retrieve, "A response that is kept, with its picture."),
    Route("DELETE", "/v1/responses/{id}", _delete, "Keep a response no longer."),
    Route(
        "POST",
        "/v1/moderations",
        moderations.moderations,
        "What a text asks for, as OpenAI's clients ask.",
    ),
    Route("GET", "/v1/models", models.models, "The models there are, as OpenAI's clients list them."),
    Route("GET", "/v1/models/{name:.*[^/]}", models.model, "One of them, by its name or an alias."),
)
_SPELLINGS = (
    (re.compile(r"^(?:/v1|/openai)+/(?=v1/)"), "/"),
    (re.compile(r"^(?:/v1|/openai)*(?:/deployments/.+?)?/responses(?=/|$)"), "/v1/responses"),
    (re.compile(r"^(?:/v1|/openai)*/deployments/"), _DEPLOYMENTS),
    (re.compile(r"^/openai/deployments/.+?(?=/(?:chat/|)completions$|/embeddings$)"), "/v1"),
    (re.compile(r"^(?:/v1)*(?:/openai)+/(?=images/|moderations$|models(?:/|$))"), "/v1/"),
    (re.compile(r"^/(?=images/|(?:chat/|)completions$|embeddings$|moderations$)"), "/v1/"),
)
"""`/v1` twice or forgotten, Azure's prefix with or without it."""
_ELSEWHERE = (
    "chat/completions", "completions", "embeddings",
    "audio/speech", "audio/transcriptions", "audio/translations",
)  # fmt: skip
_INSTEAD = message("absent", instead="POST /v1/images/generations")
OPENAI = Dialect(
    "OpenAI",
    prefixes=("/v1/", "/openai/"),
    routes=ROUTES,
    error=errors.response_from,
    limit_headers=errors.limit_headers,
    schemas=schemas,
    described=described,
    spellings=_SPELLINGS,
    absent=tuple(Absent("POST", f"/v1/{name}", 404, _INSTEAD) for name in _ELSEWHERE),
)

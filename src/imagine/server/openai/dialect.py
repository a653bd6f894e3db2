"""OpenAI's dialect, and Azure's, which says the model in the path."""

from __future__ import annotations

import re

from ...messages import message
from ..http.dialect import Absent, Dialect, Route
from . import errors, models, moderations, routes
from .describe import described, schemas

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
    (re.compile(r"^(?:/v1|/openai)*/deployments/"), _DEPLOYMENTS),
    (re.compile(r"^/openai/deployments/.+?(?=/(?:chat/|)completions$|/embeddings$)"), "/v1"),
    (re.compile(r"^(?:/v1)*(?:/openai)+/(?=images/|moderations$|models(?:/|$))"), "/v1/"),
    (re.compile(r"^/(?=images/|(?:chat/|)completions$|responses$|embeddings$|moderations$)"), "/v1/"),
)
"""`/v1` twice or forgotten, Azure's prefix with or without it."""
_ELSEWHERE = (
    "chat/completions", "completions", "responses", "embeddings",
    "audio/speech", "audio/transcriptions", "audio/translations",
)  # fmt: skip
_INSTEAD = message("absent", instead="POST /v1/images/generations")
OPENAI = Dialect(
    "OpenAI",
    prefixes=("/v1/", "/openai/"),
    routes=ROUTES,
    error=errors.response_from,
    schemas=schemas,
    described=described,
    spellings=_SPELLINGS,
    absent=tuple(Absent("POST", f"/v1/{name}", 404, _INSTEAD) for name in _ELSEWHERE),
)

"""Hugging Face's dialect, whose errors have the shape of our own: `{"error": sentence}`."""

from __future__ import annotations

import re
from typing import Any

from aiohttp import web

from ...settings.settings import Settings
from ..http.dialect import Dialect, Route


async def _draw(request: web.Request) -> web.StreamResponse:
    from .routes import draw  # who is never asked so never pays for it

    return await draw(request)


def _schemas(settings: Settings) -> dict[str, Any]:
    from .describe import schemas

    return schemas(settings)


def _described(route: Route, operation: dict[str, Any]) -> dict[str, Any]:
    from .describe import described

    return described(route, operation)


_SUMMARY = "A picture as bytes, as Hugging Face's clients ask for it"
HUGGING_FACE = Dialect(
    "HuggingFace",
    prefixes=(),
    routes=(
        Route("POST", "/models/{name:.+}", _draw, f"{_SUMMARY} of a model.", orders=True),
        Route("POST", "/", _draw, f"{_SUMMARY} of an endpoint of one model.", orders=True),
    ),
    schemas=_schemas,
    described=_described,
    spellings=((re.compile(r"^/hf-inference/(?=models/)"), "/"),),
)

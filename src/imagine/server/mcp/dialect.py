"""MCP's dialect: one path, at which JSON-RPC is spoken."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from ...settings.settings import Settings
from ..http.dialect import Dialect, Route
from ..http.encoding import body_from
from ..http.errors import Trouble


async def _answer(request: web.Request) -> web.StreamResponse:
    from .routes import answer  # who has no agent never pays for it

    return await answer(request)


def _error(_: web.Request, trouble: Trouble) -> web.Response:
    """What is refused before anything is read of it, as JSON-RPC says it."""
    from .protocol import refused

    body = body_from(refused(None, trouble))
    return web.Response(status=trouble.status, body=body, content_type="application/json", headers=trouble.headers)


def _schemas(settings: Settings) -> dict[str, Any]:
    from .describe import schemas

    return schemas(settings)


def _described(route: Route, operation: dict[str, Any]) -> dict[str, Any]:
    from .describe import described

    return described(route, operation)


MCP = Dialect(
    "MCP",
    prefixes=("/mcp/",),
    routes=(Route("POST", "/mcp", _answer, "A message of the Model Context Protocol, answered.", orders=True),),
    error=_error,
    schemas=_schemas,
    described=_described,
)

"""`/openapi.json`: every dialect that this server speaks, from its routes and from its own descriptions of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from aiohttp import web

from .. import __version__
from ..settings.settings import Settings
from ..words.moderation import DEFAULT_POLICY, Policy
from .gateway.keys import GATEWAY
from .http.context import ORDER_HEADER
from .http.dialect import DETAILS, REFUSED, SPOKEN, Dialect, Route
from .http.encoding import body_from
from .http.errors import STATUSES
from .http.paths import plain
from .orders.connection import asked_as

_TEXT = {"type": "string"}
_ERROR = {
    "type": "object",
    "properties": {"error": _TEXT | {"description": "In the client's language."}, **DETAILS, **REFUSED},
    "required": ["error", "code"],
}
_ORDER = {
    "description": "The id of this order for pictures; `GET /jobs` shows it, and `DELETE /jobs/{id}` takes it back.",
    "schema": _TEXT,
}
_ALWAYS = (401, 403)
_OF_A_REQUEST = sorted({*STATUSES.values(), *_ALWAYS, 408, 413, 415})


class _DocumentKept:
    """The document as it was written for each policy, while the settings are the same: the page asks for it at each
    load, and to make it takes longer than all the rest of one."""

    def __init__(self) -> None:
        self._settings: Settings | None = None
        self._bodies: dict[Policy, bytes] = {}

    def body(self, dialects: Sequence[Dialect], settings: Settings, policy: Policy) -> bytes:
        if settings is not self._settings:
            self._settings, self._bodies = settings, {}
        if policy not in self._bodies:
            self._bodies[policy] = body_from(document(dialects, settings, policy))
        return self._bodies[policy]


_KEPT = web.AppKey("document", _DocumentKept)


async def openapi(request: web.Request) -> web.Response:
    """This API, described from the declarations that requests are checked by."""
    gateway, policy = request.app[GATEWAY], request.app[GATEWAY].rulebook.of(asked_as(request)).policy
    written = request.app[_KEPT].body(request.app[SPOKEN], gateway.settings, policy)
    return web.Response(body=written, content_type="application/json")


def _prepare(app: web.Application) -> None:
    app[_KEPT] = _DocumentKept()


DESCRIPTION = Dialect(
    "OpenAPI", prefixes=(), routes=(Route("GET", "/openapi.json", openapi, "This document."),), prepare=_prepare
)
"""What a server says of itself, whichever dialects it speaks."""


def document(dialects: Sequence[Dialect], settings: Settings, policy: Policy = DEFAULT_POLICY) -> dict[str, Any]:
    """OpenAPI 3.1 for these dialects, on a server with these settings, for whom that policy holds for."""
    paths: dict[str, dict[str, Any]] = {}
    schemas: dict[str, Any] = {"Error": _ERROR}
    for dialect in dialects:
        schemas |= dialect.schemas(settings)
        for route in dialect.routes:
            path = plain(route.path)
            paths.setdefault(path, {})[route.method.lower()] = dialect.described(route, _operation(route, path))
    _say_policy(schemas, policy)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Imagine", "version": __version__},
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
        "security": [{}, {"key": []}],
    }


def _say_policy(schemas: dict[str, Any], policy: Policy) -> None:
    """What holds for whoever reads it, who may ask for what is stricter."""
    asked = schemas.get("GenerateRequest", {}).get("properties", {}).get("moderation")
    if asked is not None:
        asked["default"] = policy


def _operation(route: Route, path: str) -> dict[str, Any]:
    """What can be said of a route by its path and method alone."""
    parameters = [("path", name) for name in re.findall(r"\{(\w+)\}", path)] + [
        ("query", name) for name in route.queries
    ]
    answers: dict[str, Any] = {
        "200": {"description": "As asked.", "content": {"application/json": {"schema": {"type": "object"}}}}
    }
    if route.orders:
        answers["200"]["headers"] = {ORDER_HEADER: _ORDER}
    error = {"schema": {"$ref": "#/components/schemas/Error"}}
    for status in _ALWAYS if route.method == "GET" and not parameters else _OF_A_REQUEST:
        answers[str(status)] = {"description": "Refused.", "content": {"application/json": error}}
    operation: dict[str, Any] = {"summary": route.summary, "responses": answers}
    if parameters:
        operation["parameters"] = [
            {"name": name, "in": place, "schema": _TEXT} | ({"required": True} if place == "path" else {})
            for place, name in parameters
        ]
    return operation

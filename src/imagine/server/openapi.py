"""The OpenAPI document, made from the routes and from the declaration that requests are checked by."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from .. import __version__
from ..request import ALIASES, GenerateRequest
from .errors import STATUSES

if TYPE_CHECKING:
    from .app import Route

_OBJECT = {"type": "object"}
_TEXT = {"type": "string"}
_ERROR = {"type": "object", "properties": {"error": _TEXT}, "required": ["error"]}
_PICTURE = {
    "type": "object",
    "properties": {
        "img": {"type": "string", "contentEncoding": "base64", "description": "A PNG."},
        "seed": _TEXT,
        "images": {"type": "array", "items": _OBJECT, "description": "All of them, where count is more than 1."},
        "meta": _OBJECT,
        "timings": _OBJECT,
        "warnings": {"type": "array", "items": _TEXT},
    },
    "required": ["img", "seed", "meta", "timings", "warnings"],
}
_ALWAYS = (401, 403)
_OF_GENERATE = sorted({*STATUSES.values(), *_ALWAYS, 408, 413, 415})
_ANSWERS: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/generate"): {
        "application/json": {"schema": _PICTURE},
        "image/png": {"schema": {"type": "string", "format": "binary"}},
        "application/x-ndjson": {"schema": _OBJECT},
    },
    ("GET", "/"): {"text/plain": {"schema": _TEXT}, "text/html": {"schema": _TEXT}},
    ("GET", "/metrics"): {"text/plain": {"schema": _TEXT}},
}


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """OpenAPI 3.1 for these routes."""
    (request,), parts = msgspec.json.schema_components([GenerateRequest], ref_template="#/components/schemas/{name}")
    _name_aliases(parts["GenerateRequest"])
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        path = re.sub(r"\{(\w+)[^}]*\}", r"{\1}", route.path)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route, path, request)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Imagine", "version": __version__},
        "paths": paths,
        "components": {
            "schemas": {**parts, "Error": _ERROR},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"key": []}],
    }


def _operation(route: Route, path: str, request: dict[str, Any]) -> dict[str, Any]:
    content = _ANSWERS.get((route.method, route.path), {"application/json": {"schema": _OBJECT}})
    statuses = _OF_GENERATE if route.method == "POST" else _ALWAYS if route.method == "GET" else _OF_GENERATE
    error = {"schema": {"$ref": "#/components/schemas/Error"}}
    answers: dict[str, Any] = {"200": {"description": "As asked.", "content": content}}
    for status in statuses:
        answers[str(status)] = {"description": "Refused.", "content": {"application/json": error}}
    operation: dict[str, Any] = {"summary": route.summary, "responses": answers}
    if route.method == "POST":
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": request}}}
    if names := re.findall(r"\{(\w+)\}", path):
        operation["parameters"] = [{"name": name, "in": "path", "required": True, "schema": _TEXT} for name in names]
    return operation


def _name_aliases(schema: dict[str, Any]) -> None:
    """Other programs' spellings stand beside the fields that they mean."""
    fields = schema["properties"]
    for alias, name in ALIASES.items():
        fields[alias] = {**fields[name], "description": f"The same as {name}."}

"""The OpenAPI document, made from the routes and from the declaration that requests are checked by."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from .. import __version__
from ..asking.request import ALIASES, GenerateRequest
from ..asking.resolve import GUIDANCE, NO_DEFAULTS, NUM_STEPS, SAMPLER, SCHEDULE, STRENGTH, Defaults
from ..words.recipe import GenerationParams, Hires
from .http.errors import STATUSES
from .ollama import describe as ollama
from .openai import describe as openai

if TYPE_CHECKING:
    from .app import Route


class Dialect(Protocol):
    """Who describes what is below a path, where it isn't our own dialect."""

    def schemas(self) -> dict[str, Any]:
        """What its operations refer to."""

    def described(self, path: str, operation: dict[str, Any]) -> dict[str, Any]:
        """The operation at `path` as it is in this dialect."""


def _defaults_of(kind: type[msgspec.Struct]) -> dict[str, Any]:
    fields = msgspec.structs.fields(kind)
    return {field.name: field.default for field in fields if field.default is not msgspec.NODEFAULT}


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
_BUILT_IN = {
    "num_steps": NUM_STEPS, "guidance": GUIDANCE, "sampler": SAMPLER, "schedule": SCHEDULE, "strength": STRENGTH,
    "neg": "", "clip": 1, "count": 1, "stream": 0, "resize": "crop", "fit": "native", "preview": "linear",
    "progress": False, "reproducible": False, "refiner_at": _defaults_of(GenerationParams)["refiner_at"],
}  # fmt: skip
"""What is taken for what isn't said, where the server's settings don't say otherwise."""
_SECOND_PASS = _defaults_of(Hires)
_ANSWERS: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/generate"): {
        "application/json": {"schema": _PICTURE},
        "image/png": {"schema": {"type": "string", "format": "binary"}},
        "application/x-ndjson": {"schema": _OBJECT},
    },
    ("GET", "/pictures/{name}"): {"image/*": {"schema": {"type": "string", "format": "binary"}}},
    ("GET", "/"): {"text/plain": {"schema": _TEXT}, "text/html": {"schema": _TEXT}},
    ("GET", "/metrics"): {"text/plain": {"schema": _TEXT}},
}

_DIALECTS: dict[str, Dialect] = {"/v1/": openai, "/openai/": openai, "/api/": ollama}


def document(routes: Sequence[Route], defaults: Defaults = NO_DEFAULTS) -> dict[str, Any]:
    """OpenAPI 3.1 for these routes, on a server with these defaults."""
    (request,), parts = msgspec.json.schema_components([GenerateRequest], ref_template="#/components/schemas/{name}")
    _state_defaults(parts["GenerateRequest"], _BUILT_IN | msgspec.to_builtins(defaults))
    _state_defaults(parts["SecondPass"], _SECOND_PASS)
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
            "schemas": {**parts, "Error": _ERROR, **_schemas()},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"key": []}],
    }


def _operation(route: Route, path: str, request: dict[str, Any]) -> dict[str, Any]:
    content = _ANSWERS.get((route.method, route.path), {"application/json": {"schema": _OBJECT}})
    takes_nothing = route.method == "GET" and "{" not in path and route.path != "/samplers"
    statuses = _ALWAYS if takes_nothing else _OF_GENERATE
    error = {"schema": {"$ref": "#/components/schemas/Error"}}
    answers: dict[str, Any] = {"200": {"description": "As asked.", "content": content}}
    for status in statuses:
        answers[str(status)] = {"description": "Refused.", "content": {"application/json": error}}
    operation: dict[str, Any] = {"summary": route.summary, "responses": answers}
    if route.method == "POST":
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": request}}}
    if (route.method, route.path) == ("POST", "/recipe"):
        operation["requestBody"]["content"] = {"application/octet-stream": {"schema": _TEXT | {"format": "binary"}}}
    if (route.method, route.path) == ("GET", "/samplers"):
        operation["parameters"] = [{"name": "model", "in": "query", "schema": _TEXT}]
    if names := re.findall(r"\{(\w+)\}", path):
        operation["parameters"] = [{"name": name, "in": "path", "required": True, "schema": _TEXT} for name in names]
    dialect = next((dialect for prefix, dialect in _DIALECTS.items() if path.startswith(prefix)), None)
    return operation if dialect is None else dialect.described(path, operation)


def _schemas() -> dict[str, Any]:
    return {name: schema for dialect in _DIALECTS.values() for name, schema in dialect.schemas().items()}


def _state_defaults(schema: dict[str, Any], defaults: dict[str, Any]) -> None:
    """What a field that isn't said is taken for; a size is left to the model."""
    for name, value in defaults.items():
        schema["properties"][name]["default"] = value


def _name_aliases(schema: dict[str, Any]) -> None:
    """Other programs' spellings stand beside the fields that they mean."""
    fields = schema["properties"]
    for alias, name in ALIASES.items():
        fields[alias] = {**fields[name], "description": f"The same as {name}.", "x-alias-of": name}

"""This dialect's part of the OpenAPI document."""

from __future__ import annotations

from typing import Any

from ...asking.request import GenerateRequest
from ...settings.settings import Settings
from ..http.dialect import Route
from ..http.schemas import schemas_of
from .requests import NAMES

_TEXT = {"type": "string"}
OWN: dict[str, Any] = {
    "stream": {"type": "boolean", "default": True, "description": "Send a line for every step, and then the picture."},
    "preview": {
        "type": "integer", "minimum": 0, "maximum": 1000,
        "description": "With stream: send the picture as it is after every so many steps.",
    },
    "images": {"type": "array", "items": _TEXT, "description": "Pictures in base64; the first is changed."},
    "options": {"type": "object", "description": "seed, or another of these fields, where it isn't beside options."},
}  # fmt: skip
_ANSWER = {
    "type": "object",
    "properties": {
        "model": _TEXT,
        "created_at": _TEXT | {"format": "date-time"},
        "response": {"const": ""},
        "done": {"type": "boolean"},
        "done_reason": {"enum": ["stop", "load", "unload"]},
        "completed": {"type": "integer"},
        "total": {"type": "integer"},
        "image": _TEXT | {"contentEncoding": "base64", "description": "A PNG."},
        "seed": _TEXT,
        "revised_prompt": _TEXT,
        "total_duration": {"type": "integer", "description": "Nanoseconds."},
        "load_duration": {"type": "integer", "description": "Nanoseconds."},
    },
    "required": ["model", "created_at", "response", "done"],
}
_PULL = {"type": "object", "properties": {"model": _TEXT, "stream": {"type": "boolean", "default": True}}}
_NAMED_MODEL = {
    "type": "object",
    "properties": {"model": _TEXT, "verbose": {"type": "boolean"}},
    "required": ["model"],
}
_COPY = {
    "type": "object",
    "properties": {"source": _TEXT, "destination": _TEXT},
    "required": ["source", "destination"],
}


def schemas(_: Settings) -> dict[str, Any]:
    """What the operations refer to."""
    return {"OllamaAnswer": _ANSWER}


def described(route: Route, operation: dict[str, Any]) -> dict[str, Any]:
    """The operation with this dialect's bodies."""
    if route.path == "/api/pull":
        return operation | _takes(_PULL | {"required": ["model"]})
    if route.path in ("/api/show", "/api/delete"):
        return operation | _takes(_NAMED_MODEL)
    if route.path == "/api/copy":
        return operation | _takes(_COPY)
    if route.path != "/api/generate":
        return operation
    schema = {"schema": {"$ref": "#/components/schemas/OllamaAnswer"}}
    content = {"application/json": schema, "application/x-ndjson": schema}
    done = operation["responses"]["200"] | {"content": content}
    answers = {"responses": operation["responses"] | {"200": done}}
    return operation | answers | _takes(_body())


def _takes(schema: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def _body() -> dict[str, Any]:
    """Ours under their names, and what is theirs alone."""
    parts = schemas_of(GenerateRequest)
    ours = parts["GenerateRequest"]["properties"]
    fields = {name: schema for name, schema in ours.items() if name not in ("stream", "preview", "progress", "img")}
    fields |= {name: fields[field] | {"x-alias-of": field} for name, field in NAMES.items() if field in fields}
    return {"type": "object", "properties": fields | OWN}

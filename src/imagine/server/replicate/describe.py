"""This dialect's part of the OpenAPI document."""

from __future__ import annotations

from typing import Any

from ...asking.request import GenerateRequest
from ...settings.settings import Settings
from ..http.dialect import Route
from ..http.schemas import schemas_of
from .requests import NAMES

_TEXT = {"type": "string"}
_PREDICTION = {
    "type": "object",
    "properties": {
        "id": _TEXT, "model": _TEXT, "version": _TEXT, "logs": _TEXT, "input": {"type": "object"},
        "status": {"enum": ["starting", "processing", "succeeded", "failed", "canceled"]},
        "output": {"type": ["array", "null"], "items": _TEXT}, "error": {"type": ["string", "null"]},
        "urls": {"type": "object"},
    },
    "required": ["id", "model", "version", "status", "input", "output", "error", "urls"],
}  # fmt: skip
_MODEL = {
    "type": "object",
    "properties": {
        "id": _TEXT, "object": {"const": "model"}, "created": {"type": "integer"}, "owned_by": _TEXT, "root": _TEXT,
        "url": _TEXT, "owner": _TEXT, "name": _TEXT, "description": _TEXT, "visibility": _TEXT,
        "run_count": {"type": "integer"}, "latest_version": {"type": "object"},
    },
    "required": ["id", "object", "created", "owned_by", "url", "owner", "name", "visibility", "run_count"],
}  # fmt: skip
_FILE = {
    "type": "object",
    "properties": {
        "id": _TEXT, "name": _TEXT, "content_type": _TEXT, "size": {"type": "integer"}, "etag": _TEXT,
        "checksums": {"type": "object"}, "urls": {"type": "object", "properties": {"get": _TEXT}},
    },
    "required": ["id", "name", "content_type", "size", "etag", "checksums", "urls"],
}  # fmt: skip
_PROBLEM = {
    "type": "object",
    "properties": {"title": _TEXT, "status": {"type": "integer"}, "detail": _TEXT},
    "required": ["title", "status", "detail"],
}


def schemas(_: Settings) -> dict[str, Any]:
    """What the operations refer to."""
    return {"ReplicatePrediction": _PREDICTION, "ReplicateProblem": _PROBLEM}


def fields_of_input() -> tuple[dict[str, Any], dict[str, Any]]:
    """The schemas of what `input` may say, by every name, and those that they refer to."""
    parts = schemas_of(GenerateRequest)
    ours = parts.pop("GenerateRequest")["properties"]
    fields = {name: schema for name, schema in ours.items() if name not in ("stream", "progress", "img", "model")}
    fields |= {name: ours[field] | {"x-alias-of": field} for name, field in NAMES.items() if field in ours}
    return fields, parts


def _content_of(route: Route) -> dict[str, Any]:
    """What a path answers."""
    if route.path.endswith("/stream"):
        return {"text/event-stream": {"schema": _TEXT}}
    one = {"$ref": "#/components/schemas/ReplicatePrediction"}
    page = {
        "next": {"type": ["string", "null"]},
        "previous": {"type": "null"},
        "results": {"type": "array", "items": one},
    }
    of_path = {
        ("GET", "/v1/predictions"): {"type": "object", "properties": page, "required": [*page]},
        ("GET", "/v1/models/{owner}/{name}"): _MODEL,
        ("POST", "/v1/files"): _FILE,
    }
    return {"application/json": {"schema": of_path.get((route.method, route.path), one)}}


def described(route: Route, operation: dict[str, Any]) -> dict[str, Any]:
    """The operation with this dialect's bodies and errors."""
    problem = {"application/json": {"schema": {"$ref": "#/components/schemas/ReplicateProblem"}}}
    answers = {
        status: each if status == "200" else each | {"content": problem}
        for status, each in operation["responses"].items()
    }
    answers["200"] = answers["200"] | {"content": _content_of(route)}
    if route.path == "/v1/files":
        answers["201"] = answers["200"]
        form = {
            "type": "object",
            "required": ["content"],
            "properties": {"content": {"type": "string", "format": "binary"}},
        }
        body = {"required": True, "content": {"multipart/form-data": {"schema": form}}}
        return operation | {"responses": answers, "requestBody": body}
    if not route.orders:
        return operation | {"responses": answers}
    answers["201"] = answers["200"]
    fields, _ = fields_of_input()
    body = {"type": "object", "properties": {"version": _TEXT, "input": {"type": "object", "properties": fields}}}
    content = {"application/json": {"schema": body | {"required": ["input"]}}}
    return operation | {"responses": answers, "requestBody": {"required": True, "content": content}}

"""This dialect's part of the OpenAPI document."""

from __future__ import annotations

from typing import Any

import msgspec

from ...asking.request import GenerateRequest
from ...settings.settings import Settings
from ..http.dialect import Route
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
_PROBLEM = {
    "type": "object",
    "properties": {"title": _TEXT, "status": {"type": "integer"}, "detail": _TEXT},
    "required": ["title", "status", "detail"],
}


def schemas(_: Settings) -> dict[str, Any]:
    """What the operations refer to."""
    return {"ReplicatePrediction": _PREDICTION, "ReplicateProblem": _PROBLEM}


def described(route: Route, operation: dict[str, Any]) -> dict[str, Any]:
    """The operation with this dialect's bodies and errors."""
    problem = {"application/json": {"schema": {"$ref": "#/components/schemas/ReplicateProblem"}}}
    answers = {
        status: each if status == "200" else each | {"content": problem}
        for status, each in operation["responses"].items()
    }
    done = {"application/json": {"schema": {"$ref": "#/components/schemas/ReplicatePrediction"}}}
    answers["200"] = answers["200"] | {"content": done}
    if not route.orders:
        return operation | {"responses": answers}
    answers["201"] = answers["200"]
    _, parts = msgspec.json.schema_components([GenerateRequest], ref_template="#/components/schemas/{name}")
    ours = parts["GenerateRequest"]["properties"]
    fields = {name: schema for name, schema in ours.items() if name not in ("stream", "progress", "img", "model")}
    fields |= {name: fields[field] | {"x-alias-of": field} for name, field in NAMES.items() if field in fields}
    body = {"type": "object", "properties": {"version": _TEXT, "input": {"type": "object", "properties": fields}}}
    content = {"application/json": {"schema": body | {"required": ["input"]}}}
    return operation | {"responses": answers, "requestBody": {"required": True, "content": content}}

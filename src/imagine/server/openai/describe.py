"""This dialect's part of the OpenAPI document, from the declarations that requests are checked by."""

from __future__ import annotations

from typing import Any

from ...asking.request import GenerateRequest
from ...settings.settings import Settings
from ..http.dialect import Route
from ..http.schemas import schemas_of
from . import moderations
from .fields import EDIT, GENERATION, NAMED, OWN, SPELLINGS, VARIATION, Endpoint, Fields

_KINDS = {"images/generations": GENERATION, "images/edits": EDIT, "images/variations": VARIATION}
"""What the paths end with, Azure's too."""
_NULLABLE = {"type": ["string", "null"]}
_ERROR = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {"message": {"type": "string"}, "type": {"type": "string"}, "param": _NULLABLE}
            | {"code": _NULLABLE},
            "required": ["message", "type", "param", "code"],
        }
    },
    "required": ["error"],
}
_REPLY = {
    "type": "object",
    "properties": {
        "created": {"type": "integer"},
        "data": {"type": "array", "items": {"type": "object"}},
        "size": {"type": "string"},
        "seed": {"type": "string"},
        "warnings": {"type": "array", "items": {"type": "string"}},
        "usage": {"type": "object"},
    },
    "required": ["created", "data", "size", "seed", "warnings", "usage"],
}
_RESPONSE = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "object": {"const": "response"},
        "created_at": {"type": "integer"},
        "status": {"const": "completed"},
        "output": {"type": "array", "items": {"type": "object"}},
        "seed": {"type": "string"},
        "warnings": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["id", "object", "created_at", "status", "output", "model", "tools", "usage"],
}


def schemas(_: Settings) -> dict[str, Any]:
    """What the operations refer to."""
    return {
        "OpenAIError": _ERROR,
        "OpenAIImages": _REPLY,
        "OpenAIModerations": moderations.REPLY,
        "OpenAIResponse": _RESPONSE,
    }


def described(route: Route, operation: dict[str, Any]) -> dict[str, Any]:
    """The operation with this dialect's bodies and errors."""
    error = {"application/json": {"schema": {"$ref": "#/components/schemas/OpenAIError"}}}
    answers = {
        status: answer if status == "200" else answer | {"content": error}
        for status, answer in operation["responses"].items()
    }
    if route.path.startswith("/v1/responses"):
        from .responses_describe import described as of_responses  # only who reads the document pays for it

        return of_responses(route, operation | {"responses": answers})
    if route.path.endswith("/moderations"):
        reply = {"application/json": {"schema": {"$ref": "#/components/schemas/OpenAIModerations"}}}
        answers["200"] = answers["200"] | {"content": reply}
        body = {"required": True, "content": {"application/json": {"schema": moderations.BODY}}}
        return operation | {"responses": answers, "requestBody": body}
    kind = _KINDS.get("/".join(route.path.split("/")[-2:]))
    if kind is None:
        return operation | {"responses": answers}
    answers["429"] = {"description": "The queue is full.", "content": error}
    content: dict[str, Any] = {"application/json": {"schema": {"$ref": "#/components/schemas/OpenAIImages"}}}
    if kind.event:
        content["text/event-stream"] = {"schema": {"type": "string"}}
    answers["200"] = answers["200"] | {"content": content}
    schema = {"schema": _body_of(kind)}
    bodies = {"application/json": schema} | ({"multipart/form-data": schema} if kind.required else {})
    return operation | {"responses": answers, "requestBody": {"required": True, "content": bodies}}


def _body_of(kind: Endpoint) -> dict[str, Any]:
    """OpenAI's own fields, and ours beside them as extensions."""
    parts = schemas_of(GenerateRequest, Fields)
    ours, own = parts["GenerateRequest"]["properties"], parts["Fields"]["properties"]
    fields = {name: schema for name, schema in ours.items() if name not in (*OWN, "stream")}
    fields |= {NAMED[name]: fields[name] | {"x-alias-of": name} for name in NAMED if name in fields}
    fields |= {name: schema for name, schema in own.items() if name not in kind.unknown}
    fields |= {name: fields[field] | {"x-alias-of": field} for name, field in SPELLINGS.items() if field in fields}
    required = [name for name, needed in (("prompt", kind.prompted), (kind.required, kind == VARIATION)) if needed]
    return {"type": "object", "properties": fields, "required": required}

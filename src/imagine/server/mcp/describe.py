"""This dialect's part of the OpenAPI document."""

from __future__ import annotations

from typing import Any

from ...settings.settings import Settings
from ..http.dialect import Route

_ID = {"type": ["string", "integer", "null"]}
_CALL = {
    "type": "object",
    "properties": {
        "jsonrpc": {"const": "2.0"}, "id": {"type": ["string", "integer"]}, "method": {"type": "string"},
        "params": {"type": "object"},
    },
    "required": ["jsonrpc", "method"],
}  # fmt: skip
_ANSWER = {
    "type": "object",
    "properties": {"jsonrpc": {"const": "2.0"}, "id": _ID, "result": {"type": "object"}, "error": {"type": "object"}},
    "required": ["jsonrpc", "id"],
}


def schemas(_: Settings) -> dict[str, Any]:
    """What the operations refer to."""
    return {"MCPAnswer": _ANSWER}


def described(_: Route, operation: dict[str, Any]) -> dict[str, Any]:
    """The operation with JSON-RPC's messages."""
    answer = {"application/json": {"schema": {"$ref": "#/components/schemas/MCPAnswer"}}}
    answers = {status: each | {"content": answer} for status, each in operation["responses"].items()}
    answers["200"] = answers["200"] | {"content": answer | {"text/event-stream": {"schema": {"type": "string"}}}}
    answers["202"] = {"description": "It came, and wants no answer."}
    body = {"required": True, "content": {"application/json": {"schema": _CALL}}}
    return operation | {"responses": answers, "requestBody": body}

"""Responses in the OpenAPI document, from the declaration that requests are checked by."""

from __future__ import annotations

from typing import Any

import msgspec

from ..http.dialect import Route
from .responses_requests import ResponsesFields


def described(route: Route, operation: dict[str, Any]) -> dict[str, Any]:
    """The operation, whose errors are said already, with its body and its answer."""
    answers = dict(operation["responses"])
    if route.method == "DELETE":
        return operation
    content: dict[str, Any] = {"application/json": {"schema": {"$ref": "#/components/schemas/OpenAIResponse"}}}
    if route.method != "POST":
        answers["200"] = answers["200"] | {"content": content}
        return operation | {"responses": answers}
    answers["200"] = answers["200"] | {"content": content | {"text/event-stream": {"schema": {"type": "string"}}}}
    answers["429"] = {"description": "The queue is full.", "content": answers["400"]["content"]}
    fields = msgspec.json.schema(ResponsesFields)["$defs"]["ResponsesFields"]
    body = {"application/json": {"schema": fields | {"required": ["input", "tools"]}}}
    return operation | {"responses": answers, "requestBody": {"required": True, "content": body}}

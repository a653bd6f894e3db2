"""This dialect's part of the OpenAPI document."""

from __future__ import annotations

from typing import Any

from ...asking.request import GenerateRequest
from ...settings.settings import Settings
from ..http.dialect import Route
from ..http.schemas import schemas_of
from .requests import NAMES

_BINARY = {"schema": {"type": "string", "format": "binary"}}


def schemas(_: Settings) -> dict[str, Any]:
    """What the operations refer to: `GenerateRequest` is our own dialect's."""
    return {}


def described(_: Route, operation: dict[str, Any]) -> dict[str, Any]:
    """The operation with this dialect's bodies."""
    kinds = ("image/png", "image/jpeg", "image/webp")
    done = operation["responses"]["200"] | {"content": dict.fromkeys(kinds, _BINARY)}
    bodies = {"application/json": {"schema": _body()}, **dict.fromkeys(kinds, _BINARY)}
    answers = {"responses": operation["responses"] | {"200": done}}
    return operation | answers | {"requestBody": {"required": True, "content": bodies}}


def _body() -> dict[str, Any]:
    """Ours under their names, below `parameters`."""
    parts = schemas_of(GenerateRequest)
    ours = parts["GenerateRequest"]["properties"]
    fields = {name: schema for name, schema in ours.items() if name not in ("stream", "progress", "img", "model")}
    fields |= {name: fields[field] | {"x-alias-of": field} for name, field in NAMES.items() if field in fields}
    size = {"type": "object", "properties": {side: fields[side] for side in ("width", "height")}}
    inputs = {"type": "string", "description": "The prompt; beside a prompt in parameters, a picture in base64."}
    parameters = {"type": "object", "properties": fields | {"target_size": size}}
    return {"type": "object", "properties": {"inputs": inputs, "parameters": parameters}, "required": ["inputs"]}

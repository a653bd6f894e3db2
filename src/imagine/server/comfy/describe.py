"""This dialect's part of the OpenAPI document."""

from __future__ import annotations

from typing import Any

from ...settings.settings import Settings
from ..http.dialect import Route
from .classes import KINDS

_TEXT = {"type": "string"}
_OBJECT = {"type": "object"}
_NODE = {
    "type": "object",
    "properties": {"class_type": {"type": "string", "enum": [*KINDS]}, "inputs": _OBJECT, "_meta": _OBJECT},
    "required": ["class_type", "inputs"],
}
_PROMPT = {
    "type": "object",
    "properties": {
        "prompt": {
            "type": "object", "additionalProperties": {"$ref": "#/components/schemas/ComfyNode"},
            "description": "Nodes by their ids, as ComfyUI saves them for its API.",
        },
        "client_id": _TEXT | {"description": "Which connection at /ws is told of it."},
        "prompt_id": _TEXT | {"description": "What the graph is to be called; else a name is made."},
        "extra_data": _OBJECT
        | {"description": "preview_method auto: pictures on the way; imagine: fields of /generate beside the graph."},
    },
    "required": ["prompt"],
}  # fmt: skip
_TAKEN = {
    "type": "object",
    "properties": {
        "prompt_id": _TEXT, "number": {"type": "integer"}, "node_errors": _OBJECT,
        "warnings": {"type": "array", "items": _TEXT},
    },
    "required": ["prompt_id", "number", "node_errors"],
}  # fmt: skip
_REFUSED = {
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {"type": _TEXT, "message": _TEXT, "details": _TEXT, "extra_info": _OBJECT},
        },
        "node_errors": _OBJECT | {"description": "By node: what is wrong with it."},
        "code": _TEXT,
    },
    "required": ["error", "node_errors"],
}
_FORM = {
    "type": "object",
    "properties": {
        "image": _TEXT | {"format": "binary"}, "overwrite": _TEXT, "type": _TEXT, "subfolder": _TEXT,
        "original_ref": _TEXT | {"description": "Of a mask: JSON of the picture that it is for."},
    },
    "required": ["image"],
}  # fmt: skip
_CLEARS = {"type": "object", "properties": {"clear": {"type": "boolean"}, "delete": {"type": "array", "items": _TEXT}}}
_BODIES = {
    "/queue": _CLEARS, "/history": _CLEARS, "/interrupt": {"type": "object", "properties": {"prompt_id": _TEXT}},
    "/free": {"type": "object", "properties": {"unload_models": {"type": "boolean"}}},
}  # fmt: skip
_LISTS = ("/embeddings", "/api/embeddings", "/extensions", "/models/{folder}", "/api/models")


def schemas(_: Settings) -> dict[str, Any]:
    """What the operations refer to."""
    return {"ComfyNode": _NODE, "ComfyPrompt": _PROMPT, "ComfyTaken": _TAKEN, "ComfyRefused": _REFUSED}


def described(route: Route, operation: dict[str, Any]) -> dict[str, Any]:
    """The operation with this dialect's bodies and errors."""
    refused = {"application/json": {"schema": {"$ref": "#/components/schemas/ComfyRefused"}}}
    answers = {
        status: each if status == "200" else each | {"content": refused}
        for status, each in operation["responses"].items()
    }
    path = route.path.partition(":")[0] + ("}" if ":" in route.path else "")
    if route.method == "GET":
        if path in _LISTS:
            answers["200"] = _of(answers["200"], {"type": "array", "items": _TEXT})
        if path == "/view":
            answers["200"] = {"description": "The picture.", "content": {"image/*": {"schema": _TEXT}}}
        return operation | {"responses": answers}
    if path == "/prompt":
        answers["200"] = _of(answers["200"], {"$ref": "#/components/schemas/ComfyTaken"})
        return operation | {"responses": answers} | _takes({"$ref": "#/components/schemas/ComfyPrompt"})
    if path.startswith("/upload/"):
        return operation | {"responses": answers} | _takes(_FORM, "multipart/form-data")
    answers["200"] = {"description": "Done."}
    return operation | {"responses": answers} | _takes(_BODIES[path])


def _of(answer: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    return answer | {"content": {"application/json": {"schema": schema}}}


def _takes(schema: dict[str, Any], media_type: str = "application/json") -> dict[str, Any]:
    return {"requestBody": {"required": media_type != "application/json", "content": {media_type: {"schema": schema}}}}

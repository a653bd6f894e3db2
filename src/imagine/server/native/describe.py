"""Our own part of the OpenAPI document, from the declaration that requests are checked by."""

from __future__ import annotations

from typing import Any

import msgspec

from ...asking.preprocess import PreprocessRequest
from ...asking.request import ALIASES, GenerateRequest
from ...asking.resolve import GUIDANCE, NUM_STEPS, SAMPLER, SCHEDULE, STRENGTH
from ...asking.tokens import TokensRequest
from ...asking.upscale import SCALE, UpscaleRequest
from ...settings.settings import Settings
from ...words.recipe import GenerationParams, Hires
from ..http.dialect import DETAILS, Route
from ..http.schemas import schemas_of


def _defaults_of(kind: type[msgspec.Struct]) -> dict[str, Any]:
    fields = msgspec.structs.fields(kind)
    return {field.name: field.default for field in fields if field.default is not msgspec.NODEFAULT}


_OBJECT = {"type": "object"}
_TEXT = {"type": "string"}
_NOTE = {"type": "object", "properties": DETAILS, "required": ["code"]}
_BYTES = {"schema": {"type": "string", "format": "binary"}}
_OF_A_PNG = {
    "X-Imagine-Seed": {"description": "Where a PNG is the answer: its seed.", "schema": _TEXT},
    "X-Imagine-Warnings": {"description": "Where a PNG is the answer: the warnings, a JSON list.", "schema": _TEXT},
}
_ABOUT: dict[str, Any] = {
    "meta": _OBJECT,
    "timings": _OBJECT,
    "warnings": {"type": "array", "items": _TEXT},
    "notes": {"type": "array", "items": _NOTE, "description": "The same warnings, for a program."},
}
_PNG = {"type": "string", "contentEncoding": "base64", "description": "A PNG."}
_PICTURE = {
    "type": "object",
    "properties": {
        "img": _PNG,
        "seed": _TEXT,
        "images": {"type": "array", "items": _OBJECT, "description": "All of them, where count is more than 1."},
        **_ABOUT,
    },
    "required": ["img", "seed", "meta", "timings", "warnings", "notes"],
}
_ENLARGED = {
    "type": "object",
    "properties": {**_ABOUT, "img": _PNG},
    "required": [*_ABOUT, "img"],
}
_MAP = {"type": "object", "properties": {"img": _PNG, **_ABOUT}, "required": ["img", *_ABOUT]}
_INSPECTED = {
    "type": "object",
    "properties": {"summary": _TEXT, "origin": _TEXT, "signature": _TEXT, "program": _TEXT, "model": _TEXT},
    "required": ["summary", "origin", "signature", "program", "model"],
}
_MOMENT = {"type": ["number", "null"], "description": "Unix seconds."}
_DETACHED = {
    "type": "object",
    "properties": {
        "id": _TEXT,
        "state": _TEXT | {"enum": ["queued", "running", "succeeded", "failed", "cancelled", "expired"]},
        "position": {"type": ["integer", "null"], "description": "What is before it; 0 is next."},
        "created": {"type": "number", "description": "Unix seconds."},
        "ended": _MOMENT,
        "expires": _MOMENT,
        "pictures": {"type": "array", "items": _OBJECT},
        "urls": _OBJECT,
        "error": _TEXT,
        "code": _TEXT,
        "warnings": _ABOUT["warnings"],
        "notes": _ABOUT["notes"],
    },
    "required": ["id", "state", "position", "created", "ended", "expires", "pictures", "urls"],
}
_PLANNED = {
    "type": "object",
    "properties": {
        **dict.fromkeys(("prompt", "negative", "change", "why", "description", "revised_prompt"), _TEXT),
        **{name: {"type": ["number", "null"]} for name in ("strength", "guidance")},
        **{name: {"type": ["string", "null"]} for name in ("sampler", "preset", "control")},
        **{name: {"type": "array", "items": _TEXT} for name in ("keep", "loras")},
        "steps": {"type": ["integer", "null"]},
        "request": _OBJECT | {"description": "What /generate is to be sent of it, beside the wish's pictures."},
        "warnings": _ABOUT["warnings"],
        "notes": _ABOUT["notes"],
    },
    "required": ["prompt", "change", "request", "warnings", "notes"],
}
_PROMPT_TOKENS = {
    "type": "object",
    "properties": {
        "tokens": {"type": ["integer", "null"], "description": "Null where they can't be counted without its files."},
        "chunks": {"type": "array", "items": {"type": "integer"}, "description": "Tokens of each."},
        "cut": {"type": "integer", "description": "How many of them aren't read."},
        "behind": {"type": "array", "items": _TEXT, "description": "The words that each border stands before."},
        "unread": {"type": "array", "items": _TEXT, "description": "Scripts, as Unicode names letters, that the model "
                   "was never taught."},
    },
    "required": ["tokens", "unread"],
}  # fmt: skip
_COUNTED = {
    "type": "object",
    "properties": {
        "model": _TEXT,
        "chunk": {"type": ["integer", "null"], "description": "Tokens that it reads at once, where longer prompts are "
                  "read in several chunks."},
        "most": {"type": ["integer", "null"], "description": "Tokens that it reads at most, where it leaves the rest."},
        "prompt": _PROMPT_TOKENS,
        "neg": _PROMPT_TOKENS,
        "warnings": _ABOUT["warnings"],
        "notes": _ABOUT["notes"],
    },
    "required": ["model", "chunk", "most", "prompt", "neg", "warnings", "notes"],
}  # fmt: skip
_BUILT_IN = {
    "num_steps": NUM_STEPS, "guidance": GUIDANCE, "true_cfg": 1.0, "sampler": SAMPLER, "schedule": SCHEDULE,
    "strength": STRENGTH, "neg": "", "clip": 1, "count": 1, "stream": 0, "resize": "crop", "fit": "native",
    "preview": "linear", "progress": False, "reproducible": False, "assist": False,
    "refiner_at": _defaults_of(GenerationParams)["refiner_at"],
}  # fmt: skip
"""What is taken for what isn't said, where the server's settings don't say otherwise."""
_ANSWERS: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/generate"): {
        "application/json": {"schema": _PICTURE},
        "image/png": _BYTES,
        "application/x-ndjson": {"schema": _OBJECT},
    },
    ("POST", "/upscale"): {
        "application/json": {"schema": _ENLARGED},
        "image/png": _BYTES,
        "application/x-ndjson": {"schema": _OBJECT},
    },
    ("POST", "/preprocess"): {
        "application/json": {"schema": _MAP},
        "image/png": _BYTES,
        "application/x-ndjson": {"schema": _OBJECT},
    },
    ("POST", "/assist"): {"application/json": {"schema": _PLANNED}},
    ("POST", "/tokens"): {"application/json": {"schema": _COUNTED}},
    ("POST", "/jobs"): {"application/json": {"schema": _DETACHED}},
    ("GET", "/jobs/{id}"): {"application/json": {"schema": _DETACHED}},
    ("GET", "/jobs/{id}/events"): {
        "application/x-ndjson": {"schema": _OBJECT},
        "text/event-stream": {"schema": _TEXT},
    },
    ("GET", "/jobs/{id}/result"): {"application/json": {"schema": _PICTURE}, "image/png": _BYTES},
    ("POST", "/inspect"): {"application/json": {"schema": _INSPECTED}},
    ("GET", "/pictures/{name}"): {"image/*": _BYTES},
    ("GET", "/library/{name:.+}/preview"): {"image/*": _BYTES},
    ("GET", "/"): {"text/plain": {"schema": _TEXT}, "text/html": {"schema": _TEXT}},
    ("GET", "/drawers/{name}"): {"text/javascript": {"schema": _TEXT}},
    ("GET", "/worker.js"): {"text/javascript": {"schema": _TEXT}},
    ("GET", "/manifest.webmanifest"): {"application/manifest+json": {"schema": _OBJECT}},
    ("GET", "/metrics"): {"text/plain": {"schema": _TEXT}},
}
_BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/generate"): {"application/json": {"schema": {"$ref": "#/components/schemas/GenerateRequest"}}},
    ("POST", "/jobs"): {"application/json": {"schema": {"$ref": "#/components/schemas/GenerateRequest"}}},
    ("POST", "/assist"): {"application/json": {"schema": {"$ref": "#/components/schemas/GenerateRequest"}}},
    ("POST", "/library/plan"): {
        "application/json": {"schema": {"type": "object", "properties": {"model": _TEXT}, "required": ["model"]}}
    },
    ("POST", "/upscale"): {"application/json": {"schema": {"$ref": "#/components/schemas/UpscaleRequest"}}},
    ("POST", "/preprocess"): {"application/json": {"schema": {"$ref": "#/components/schemas/PreprocessRequest"}}},
    ("POST", "/tokens"): {"application/json": {"schema": {"$ref": "#/components/schemas/TokensRequest"}}},
    ("POST", "/recipe"): {"application/octet-stream": _BYTES},
    ("POST", "/inspect"): {"application/octet-stream": _BYTES},
}


def schemas(settings: Settings) -> dict[str, Any]:
    """What the operations refer to; a field that isn't said is taken for what these settings say."""
    parts = schemas_of(GenerateRequest, UpscaleRequest, PreprocessRequest, TokensRequest)
    _state_defaults(parts["UpscaleRequest"], {"scale": SCALE, "progress": False})
    _state_defaults(parts["PreprocessRequest"], {"resize": "crop", "progress": False})
    _state_defaults(parts["GenerateRequest"], _BUILT_IN | msgspec.to_builtins(settings.defaults))
    _state_defaults(parts["SecondPass"], _defaults_of(Hires))
    _name_aliases(parts["GenerateRequest"])
    return parts


def described(route: Route, operation: dict[str, Any]) -> dict[str, Any]:
    """The operation with what it takes and answers."""
    which = (route.method, route.path)
    answers = operation["responses"]
    if content := _ANSWERS.get(which):
        answers |= {"200": answers["200"] | {"content": content}}
    if which == ("POST", "/jobs"):
        answers["202"] = answers.pop("200")
    if which == ("GET", "/worker"):
        answers |= {"101": {"description": "The connection is a WebSocket now."}, "400": answers["403"]}
        del answers["200"]
    if which == ("POST", "/generate"):
        answers["200"] = answers["200"] | {"headers": answers["200"]["headers"] | _OF_A_PNG}
    if content := _BODIES.get(which):
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _state_defaults(schema: dict[str, Any], defaults: dict[str, Any]) -> None:
    """What a field that isn't said is taken for; a size is left to the model."""
    for name, value in defaults.items():
        schema["properties"][name]["default"] = value


def _name_aliases(schema: dict[str, Any]) -> None:
    """Other programs' spellings stand beside the fields that they mean."""
    fields = schema["properties"]
    for alias, name in ALIASES.items():
        fields[alias] = {**fields[name], "description": f"The same as {name}.", "x-alias-of": name}

"""This dialect's part of the OpenAPI document."""

from __future__ import annotations

from typing import Any

from ...asking.request import GenerateRequest
from ...settings.settings import Settings
from ..http.dialect import Route
from ..http.schemas import schemas_of
from .enlarging import ExtrasFields
from .fields import OF_PICTURES, OF_SECOND_PASSES, WebUIFields

_TEXT = {"type": "string"}
_PICTURE = _TEXT | {"description": "In base64 or as a data URL."}
_OBJECT = {"type": "object"}
_LIST = {"type": "array", "items": {"type": "object"}}
_PAINTED = {
    "type": "object",
    "properties": {
        "images": {"type": "array", "items": _TEXT | {"contentEncoding": "base64"}},
        "parameters": _OBJECT | {"description": "What was asked, with what is taken for the rest."},
        "info": _TEXT | {"description": "JSON: all_prompts, all_seeds, infotexts and more; what had no effect "
                                        "stands in extra_generation_params.warnings."},
    },
    "required": ["images", "parameters", "info"],
}  # fmt: skip
SHOWN = {
    "prompt": "prompt", "negative_prompt": "neg", "seed": "seed", "subseed": "subseed",
    "subseed_strength": "subseed_strength", "steps": "num_steps", "cfg_scale": "guidance", "width": "width",
    "height": "height", "clip_skip": "clip", "refiner_checkpoint": "refiner", "refiner_switch_at": "refiner_at",
    "distilled_cfg_scale": "distilled_cfg_scale",
}  # fmt: skip
"""Of our fields, those that its programs say, by their names."""
_BODIES: dict[str, dict[str, Any]] = {
    "png-info": {"image": _PICTURE},
    "interrogate": {"image": _PICTURE, "model": _TEXT},
    "options": {"sd_model_checkpoint": _TEXT, "sd_vae": _TEXT, "CLIP_stop_at_last_layers": {"type": "integer"}},
    "detect": {"controlnet_module": _TEXT, "controlnet_input_images": {"type": "array", "items": _PICTURE}},
    "progress": {"id_task": _TEXT, "id_live_preview": {"type": "integer"}, "live_preview": {"type": "boolean"}},
}
_LISTS = frozenset(
    ["samplers", "schedulers", "upscalers", "latent-upscale-modes", "sd-models", "sd-vae", "sd-modules", "loras",
     "hypernetworks", "face-restorers", "realesrgan-models", "prompt-styles", "script-info", "extensions"]
)  # fmt: skip


def schemas(_settings: Settings) -> dict[str, Any]:
    """What the operations refer to."""
    parts = schemas_of(GenerateRequest, WebUIFields, ExtrasFields)
    ours, theirs = parts["GenerateRequest"]["properties"], parts["WebUIFields"]["properties"]
    shared = {name: ours[field] | {"x-alias-of": field} for name, field in SHOWN.items()}
    extras = parts["ExtrasFields"]["properties"]
    return {
        "WebUIPainted": _PAINTED,
        "WebUITxt2img": _object(shared | _without(theirs, OF_PICTURES)),
        "WebUIImg2img": _object(shared | _without(theirs, OF_SECOND_PASSES)) | {"required": ["init_images"]},
        "WebUIExtras": _object(extras | {"image": _PICTURE}) | {"required": ["image"]},
    }


def described(route: Route, operation: dict[str, Any]) -> dict[str, Any]:
    """The operation with this dialect's bodies and answers."""
    name = route.path.rpartition("/")[2]
    if route.method == "GET":
        return operation | (_answers(operation, _LIST) if name in _LISTS else {})
    if name in ("txt2img", "img2img"):
        body = _takes({"$ref": f"#/components/schemas/WebUI{name.capitalize()}"})
        return operation | body | _answers(operation, {"$ref": "#/components/schemas/WebUIPainted"})
    if name == "extra-single-image":
        return operation | _takes({"$ref": "#/components/schemas/WebUIExtras"})
    if name in _BODIES:
        nothing = _answers(operation, {}) if name == "options" else {}
        return operation | _takes(_object(_BODIES[name])) | nothing
    return operation | (_answers(operation, {}) if name.startswith(("refresh", "skip")) else {})


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def _without(properties: dict[str, Any], names: frozenset[str]) -> dict[str, Any]:
    return {name: schema for name, schema in properties.items() if name not in names}


def _takes(schema: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def _answers(operation: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    answer = operation["responses"]["200"] | {"content": {"application/json": {"schema": schema}}}
    return {"responses": operation["responses"] | {"200": answer}}

"""ComfyUI's dialect: a graph that is one request, and all that its clients ask around one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from ...settings.settings import Settings
from ..http.dialect import Dialect, Handler, Route, once_asked
from ..http.errors import Trouble
from .kept import prepare

_FOLDERS = "checkpoints|diffusion_models|unet|vae|text_encoders|clip|loras|controlnet|upscale_models|embeddings"
"""Folders of files, whose names no model's is taken for."""


def _handlers() -> Mapping[str, Handler]:
    from .handlers import HANDLERS

    return HANDLERS


def _error(request: web.Request, trouble: Trouble) -> web.Response:
    from .answers import response_from

    return response_from(request, trouble)


def _schemas(settings: Settings) -> dict[str, Any]:
    from .describe import schemas

    return schemas(settings)


def _described(route: Route, operation: dict[str, Any]) -> dict[str, Any]:
    from .describe import described

    return described(route, operation)


def _get(path: str, handler: str, summary: str, queries: tuple[str, ...] = ()) -> Route:
    return Route("GET", path, once_asked(_handlers, handler), summary, queries)


def _post(path: str, handler: str, summary: str) -> Route:
    return Route("POST", path, once_asked(_handlers, handler), summary, orders=path == "/prompt")


ROUTES = (
    _post(
        "/prompt",
        "prompt",
        "Paint what a graph of ComfyUI's standard nodes says, if that is one picture.",
    ),
    _get("/prompt", "queue_length", "How many of the client's graphs have not ended."),
    _get("/history", "history", "What came of the client's graphs.", ("max_items", "offset")),
    _get("/history/{id}", "history_of_one", "What came of one of them."),
    _post("/history", "change_history", "Forget some of them."),
    _get("/queue", "queue", "The client's graphs that are being painted, and that wait."),
    _post("/queue", "change_queue", "Take some of those back that wait."),
    _post("/interrupt", "interrupt", "End what is being painted for the client."),
    _post("/free", "free", "Nothing: memory is let go where it is needed."),
    _get("/ws", "listen", "A WebSocket that tells of the client's graphs.", ("clientId",)),
    _post("/upload/image", "upload_image", "Keep a picture for graphs to come."),
    _post("/upload/mask", "upload_mask", "Keep a picture with a mask, likewise."),
    _get("/view", "view", "A picture of the client's graphs.", ("filename", "subfolder", "type")),
    _get("/system_stats", "system_stats", "The machine, and its memory."),
    _get("/object_info", "object_info", "The nodes that are understood, with what can be said in each."),
    _get("/object_info/{node}", "object_info_of_one", "One of them."),
    _get("/api/models", "model_folders", "Folders of files, as ComfyUI has them."),
    _get(f"/models/{{folder:{_FOLDERS}}}", "models_in", "The files in one of these folders."),
    _get("/embeddings", "embeddings", "Words that stand for embeddings."),
    _get("/api/embeddings", "embeddings", "The same, where newer clients ask."),
    _get("/extensions", "extensions", "None."),
    _get("/features", "features", "What the protocol can do here."),
)
_ALSO_BELOW_API = re.compile(
    r"^/api/(?=(?:prompt|queue|history|interrupt|free|ws|view|system_stats|object_info|extensions|features)(?:/|$)"
    rf"|upload/|models/(?:{_FOLDERS})$)"
)
"""Newer clients ask for everything there."""
COMFY = Dialect(
    "Comfy",
    prefixes=("/prompt/", "/history/", "/object_info/", "/upload/", "/view/", "/ws/", "/interrupt/", "/system_stats/"),
    routes=ROUTES,
    error=_error,
    schemas=_schemas,
    described=_described,
    spellings=((_ALSO_BELOW_API, "/"),),
    prepare=prepare,
    lenient_tags=True,
    ports=(8188,),
)

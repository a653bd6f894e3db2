"""AUTOMATIC1111's dialect: its `/sdapi/v1`, its ControlNet extension's paths, and what its page's library asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from ...messages import message
from ...settings.settings import Settings
from ..http.dialect import Absent, Dialect, Handler, Route, once_asked
from ..http.errors import Trouble
from .running import prepare

_API = "/sdapi/v1/"


def _handlers() -> Mapping[str, Handler]:
    from .handlers import HANDLERS

    return HANDLERS


def _error(request: web.Request, trouble: Trouble) -> web.Response:
    from .errors import response_from

    return response_from(request, trouble)


def _schemas(settings: Settings) -> dict[str, Any]:
    from .describe import schemas

    return schemas(settings)


def _described(route: Route, operation: dict[str, Any]) -> dict[str, Any]:
    from .describe import described

    return described(route, operation)


def _get(name: str, summary: str, queries: tuple[str, ...] = (), *, handler: str = "") -> Route:
    path = name if name.startswith("/") else _API + name
    return Route("GET", path, once_asked(_handlers, handler or name), summary, queries)


def _post(name: str, summary: str, *, handler: str = "", orders: bool = False) -> Route:
    path = name if name.startswith("/") else _API + name
    return Route("POST", path, once_asked(_handlers, handler or name), summary, orders=orders)


ROUTES = (
    _post("txt2img", "Make pictures, as AUTOMATIC1111's clients ask for them.", orders=True),
    _post("img2img", "Change a picture, as AUTOMATIC1111's clients ask for it.", orders=True),
    _post("extra-single-image", "Enlarge a picture, likewise.", orders=True),
    _post("extra-batch-images", "Enlarge several, likewise.", orders=True),
    _post("png-info", "What a picture says of how it was made, in AUTOMATIC1111's words."),
    _post("interrogate", "What a picture shows, in the assistant's words."),
    _get("progress", "How far the client's own pictures are.", ("skip_current_image",)),
    _post("interrupt", "End what the client waits for: it gets what there is."),
    _post("skip", "End the picture that is being made: the others come."),
    _get("options", "What holds for this client.", handler="GET options"),
    _post("options", "What is to hold for this client: its model, VAE, clip skip, format.", handler="POST options"),
    _get("cmd-flags", "How the server was started, as far as clients need it."),
    _get("samplers", "The samplers, by AUTOMATIC1111's names."),
    _get("schedulers", "The schedules, by AUTOMATIC1111's names."),
    _get("upscalers", "What enlarges pictures."),
    _get("latent-upscale-modes", "How latents are enlarged."),
    _get("sd-models", "The models there are, as AUTOMATIC1111's clients list them."),
    _get("sd-vae", "The VAE files."),
    _get("sd-modules", "VAE and text encoder files, as Forge lists them."),
    _get("loras", "The LoRAs."),
    _get("embeddings", "Words that stand for embeddings."),
    _get("hypernetworks", "None."),
    _get("face-restorers", "None."),
    _get("realesrgan-models", "None; see upscalers."),
    _get("prompt-styles", "The presets."),
    _get("scripts", "None."),
    _get("script-info", "None."),
    _get("extensions", "None."),
    _get("memory", "Main memory, and an accelerator's."),
    *(
        _post(name, "Look at the folders of models.")
        for name in ("refresh-checkpoints", "refresh-vae", "refresh-loras", "refresh-embeddings")
    ),
    _post("unload-checkpoint", "Let the client's model go."),
    _post("reload-checkpoint", "Load the client's model."),
    _get("/controlnet/version", "That controls are spoken of as its extension does."),
    _get("/controlnet/model_list", "The ControlNets.", ("update",)),
    _get("/controlnet/module_list", "What makes maps.", ("alias_names",)),
    _get("/controlnet/control_types", "Both, by kinds of maps."),
    _get("/controlnet/settings", "How many controls a picture can have."),
    _post("/controlnet/detect", "The maps of pictures.", orders=True),
    _get("/internal/ping", "That the server is here."),
    _post("/internal/progress", "How far a task is, by the id that the client gave it."),
    _get("/queue/status", "How many pictures wait."),
)
_OWNERS = message("webui.refused")
A1111 = Dialect(
    "A1111",
    prefixes=(_API, "/controlnet/", "/internal/", "/queue/"),
    routes=ROUTES,
    error=_error,
    schemas=_schemas,
    described=_described,
    prepare=prepare,
    ports=(7860,),
    root=once_asked(_handlers, "/"),
    lenient_tags=True,
    absent=(
        *(Absent("POST", f"{_API}server-{what}", 403, _OWNERS) for what in ("kill", "restart", "stop")),
        *(
            Absent("POST", _API + what, 403, _OWNERS)
            for what in ("create/embedding", "create/hypernetwork", "train/embedding", "train/hypernetwork")
        ),
    ),
)

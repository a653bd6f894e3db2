"""AUTOMATIC1111's dialect: its `/sdapi/v1`, its ControlNet extension's paths, and what its page's library asks for."""

from __future__ import annotations

from ...messages import message
from ..http.dialect import Absent, Dialect, Handler, Route
from . import about, controlnet, errors, extras, listing, options, progress, routes
from .describe import described, schemas
from .running import prepare

_API = "/sdapi/v1/"


def _get(name: str, handler: Handler, summary: str) -> Route:
    return Route("GET", _API + name, handler, summary)


def _post(name: str, handler: Handler, summary: str, *, orders: bool = False) -> Route:
    return Route("POST", _API + name, handler, summary, orders=orders)


ROUTES = (
    _post("txt2img", routes.txt2img, "Make pictures, as AUTOMATIC1111's clients ask for them.", orders=True),
    _post("img2img", routes.img2img, "Change a picture, as AUTOMATIC1111's clients ask for it.", orders=True),
    _post("extra-single-image", extras.single, "Enlarge a picture, likewise.", orders=True),
    _post("extra-batch-images", extras.batch, "Enlarge several, likewise.", orders=True),
    _post("png-info", extras.png_info, "What a picture says of how it was made, in AUTOMATIC1111's words."),
    _post("interrogate", extras.interrogate, "What a picture shows, in the assistant's words."),
    Route(
        "GET", _API + "progress", progress.progress, "How far the client's own pictures are.", ("skip_current_image",)
    ),
    _post("interrupt", progress.interrupt, "End what the client waits for: it gets what there is."),
    _post("skip", progress.skip, "End the picture that is being made: the others come."),
    _get("options", options.options, "What holds for this client."),
    _post("options", options.set_options, "What is to hold for this client: its model, VAE, clip skip, format."),
    _get("cmd-flags", about.plainly("cmd-flags"), "How the server was started, as far as clients need it."),
    _get("samplers", about.samplers, "The samplers, by AUTOMATIC1111's names."),
    _get("schedulers", about.schedulers, "The schedules, by AUTOMATIC1111's names."),
    _get("upscalers", about.files(listing.upscalers_from), "What enlarges pictures."),
    _get("latent-upscale-modes", about.plainly("latent-upscale-modes"), "How latents are enlarged."),
    _get("sd-models", about.sd_models, "The models there are, as AUTOMATIC1111's clients list them."),
    _get("sd-vae", about.files(listing.vaes_from), "The VAE files."),
    _get("sd-modules", about.files(listing.modules_from), "VAE and text encoder files, as Forge lists them."),
    _get("loras", about.files(listing.loras_from), "The LoRAs."),
    _get("embeddings", about.files(listing.embeddings_from), "Words that stand for embeddings."),
    _get("hypernetworks", about.plainly("hypernetworks"), "None."),
    _get("face-restorers", about.plainly("face-restorers"), "None."),
    _get("realesrgan-models", about.plainly("realesrgan-models"), "None; see upscalers."),
    _get("prompt-styles", about.styles, "The presets."),
    _get("scripts", about.plainly("scripts"), "None."),
    _get("script-info", about.plainly("script-info"), "None."),
    _get("extensions", about.plainly("extensions"), "None."),
    _get("memory", about.memory, "Main memory, and an accelerator's."),
    *(
        _post(name, about.refresh, "Look at the folders of models.")
        for name in ("refresh-checkpoints", "refresh-vae", "refresh-loras", "refresh-embeddings")
    ),
    _post("unload-checkpoint", options.unload, "Let the client's model go."),
    _post("reload-checkpoint", options.reload, "Load the client's model."),
    Route("GET", "/controlnet/version", controlnet.version, "That controls are spoken of as its extension does."),
    Route("GET", "/controlnet/model_list", controlnet.model_list, "The ControlNets.", ("update",)),
    Route("GET", "/controlnet/module_list", controlnet.module_list, "What makes maps.", ("alias_names",)),
    Route("GET", "/controlnet/control_types", controlnet.control_types, "Both, by kinds of maps."),
    Route("GET", "/controlnet/settings", controlnet.settings, "How many controls a picture can have."),
    Route("POST", "/controlnet/detect", controlnet.detect, "The maps of pictures.", orders=True),
    Route("GET", "/internal/ping", about.ping, "That the server is here."),
    Route(
        "POST", "/internal/progress", progress.task_progress, "How far a task is, by the id that the client gave it."
    ),
    Route("GET", "/queue/status", progress.queue_status, "How many pictures wait."),
)
_OWNERS = message("webui.refused")
A1111 = Dialect(
    "A1111",
    prefixes=(_API, "/controlnet/", "/internal/", "/queue/"),
    routes=ROUTES,
    error=errors.response_from,
    schemas=schemas,
    described=described,
    prepare=prepare,
    ports=(7860,),
    root=about.root,
    lenient_tags=True,
    absent=(
        *(Absent("POST", f"{_API}server-{what}", 403, _OWNERS) for what in ("kill", "restart", "stop")),
        *(
            Absent("POST", _API + what, 403, _OWNERS)
            for what in ("create/embedding", "create/hypernetwork", "train/embedding", "train/hypernetwork")
        ),
    ),
)

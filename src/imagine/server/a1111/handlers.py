"""Who answers each path: imported with the first that is asked."""

from __future__ import annotations

from collections.abc import Mapping

from ..http.dialect import Handler
from . import about, controlnet, extras, listing, options, progress, routes

_REFRESHED = ("checkpoints", "vae", "loras", "embeddings")
HANDLERS: Mapping[str, Handler] = {
    "/": about.root,
    "txt2img": routes.txt2img,
    "img2img": routes.img2img,
    "extra-single-image": extras.single,
    "extra-batch-images": extras.batch,
    "png-info": extras.png_info,
    "interrogate": extras.interrogate,
    "progress": progress.progress,
    "interrupt": progress.interrupt,
    "skip": progress.skip,
    "GET options": options.options,
    "POST options": options.set_options,
    "samplers": about.samplers,
    "schedulers": about.schedulers,
    "upscalers": about.files(listing.upscalers_from),
    "sd-models": about.sd_models,
    "sd-vae": about.files(listing.vaes_from),
    "sd-modules": about.files(listing.modules_from),
    "loras": about.files(listing.loras_from),
    "embeddings": about.files(listing.embeddings_from),
    "prompt-styles": about.styles,
    "memory": about.memory,
    "unload-checkpoint": options.unload,
    "reload-checkpoint": options.reload,
    "/controlnet/version": controlnet.version,
    "/controlnet/model_list": controlnet.model_list,
    "/controlnet/module_list": controlnet.module_list,
    "/controlnet/control_types": controlnet.control_types,
    "/controlnet/settings": controlnet.settings,
    "/controlnet/detect": controlnet.detect,
    "/internal/ping": about.ping,
    "/internal/progress": progress.task_progress,
    "/queue/status": progress.queue_status,
    **dict.fromkeys((f"refresh-{what}" for what in _REFRESHED), about.refresh),
    **{name: about.plainly(name) for name in about.PLAIN},
}
"""By the path, or what follows `/sdapi/v1/` in it; behind the method where there are two."""

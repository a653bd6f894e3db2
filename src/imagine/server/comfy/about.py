"""What that program tells of itself, answered with what is here: its machine, nodes, files, what it can do."""

from __future__ import annotations

import platform
import sys
from typing import Any

from aiohttp import web

from ... import __version__
from ...messages import message
from ...processes import main_memory
from ..gateway.keys import GATEWAY
from ..http.body import MAX_BODY
from ..http.security import Refused
from .classes import KINDS
from .listing import choices_from, embeddings_from, files_in, folders
from .object_info import Choices, class_info
from .object_info import object_info as all_info
from .room import owner_of, room_of
from .routes import answered

_SPOKEN = "0.3.76"
"""The release of ComfyUI whose protocol this is."""
FEATURES = {"supports_preview_metadata": True, "max_upload_size": MAX_BODY}


async def system_stats(request: web.Request) -> web.Response:
    """The machine; an accelerator's memory as far as it is known: what its models may take."""
    gateway = request.app[GATEWAY]
    devices: list[dict[str, Any]] = []
    for worker in gateway.pool.workers:
        if (ready := worker.ready) is None:
            continue
        held = sum(model.size for model in worker.stats.models)
        total = main_memory.total() if ready.room is None else ready.room.memory
        free = main_memory.available() if ready.room is None else max(0, ready.room.memory - held)
        told = {"vram_total": total, "vram_free": free, "torch_vram_total": total, "torch_vram_free": free}
        devices.append({"name": ready.name, "type": ready.device.partition(":")[0], "index": len(devices), **told})
    system = {
        "os": sys.platform, "ram_total": main_memory.total(), "ram_free": main_memory.available(),
        "comfyui_version": f"{_SPOKEN}+imagine.{__version__}", "required_frontend_version": "",
        "python_version": platform.python_version(), "pytorch_version": "", "embedded_python": False, "argv": [],
    }  # fmt: skip
    return answered({"system": system, "devices": devices})


async def object_info(request: web.Request) -> web.Response:
    """Every class of nodes that is understood."""
    return answered(all_info(await _choices(request)))


async def object_info_of_one(request: web.Request) -> web.Response:
    """One; nothing of others."""
    kind = KINDS.get(request.match_info["node"])
    return answered({} if kind is None else {kind.name: class_info(kind, await _choices(request))})


async def model_folders(_: web.Request) -> web.Response:
    """Where that program looks for files."""
    return answered(folders())


async def models_in(request: web.Request) -> web.Response:
    """The files in one of them."""
    folder = request.match_info["folder"]
    if folder not in folders():
        raise Refused(404, message("http.path"))
    return answered(files_in(folder, await request.app[GATEWAY].entries()))


async def embeddings(request: web.Request) -> web.Response:
    """Words that stand for embeddings."""
    return answered(embeddings_from(await request.app[GATEWAY].entries()))


async def features(_: web.Request) -> web.Response:
    """What it can do."""
    return answered(FEATURES)


async def extensions(_: web.Request) -> web.Response:
    """None."""
    return answered([])


async def _choices(request: web.Request) -> Choices:
    gateway = request.app[GATEWAY]
    own = [name for name in await gateway.aliases() if name in gateway.settings.aliases.own]
    return choices_from(await gateway.entries(), own, room_of(request).uploads.names(owner_of(request)))

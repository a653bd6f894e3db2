"""What that program tells of itself, answered with what is here: models and what goes beside them, samplers, styles."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from ...processes import main_memory
from ..gateway.keys import GATEWAY
from ..http.security import GUARD
from . import listing
from .listing import title_of
from .options import current
from .routes import answered
from .running import CLIENTS
from .samplers import listed_samplers, listed_schedules
from .second_pass import LATENT_MODES

_FLAGS = {"api": True, "nowebui": True, "listen": None, "port": None, "api_auth": None}
"""Of its command line, what holds here; whose paths and keys these are is nobody's business."""
PLAIN: dict[str, Any] = {
    "cmd-flags": _FLAGS,
    "hypernetworks": [],
    "face-restorers": [],
    "realesrgan-models": [],
    "scripts": {"txt2img": [], "img2img": []},
    "script-info": [],
    "extensions": [],
    "latent-upscale-modes": [{"name": name} for name in LATENT_MODES],
}
"""What is always the same."""


def plainly(name: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    """What answers a path whose answer is always the same."""

    async def answer(_: web.Request) -> web.Response:
        return answered(PLAIN[name])

    return answer


async def root(request: web.Request) -> web.Response:
    """What Draw Things answers at its address, which is the same: its clients ask there which model it has. That page's
    own clients only want to know whether anybody is there."""
    gateway, own = request.app[GATEWAY], request.app[CLIENTS].of(request).options
    entry = await current(gateway, own) if request.app[GUARD].trusts(request) else None
    return answered({"model": "" if entry is None else title_of(entry), "upscaler": None})


async def sd_models(request: web.Request) -> web.Response:
    """The models there are, and the owner's names for them."""
    gateway = request.app[GATEWAY]
    entries = [entry for entry in await gateway.entries() if entry.generates]
    own = {name: entry for name, entry in (await gateway.aliases()).items() if name in gateway.settings.aliases.own}
    return answered(
        [*map(listing.model_from, entries), *(listing.model_from(own[name], name) for name in own)],
    )


def files(told: Callable[[list[Any]], object]) -> Callable[[web.Request], Awaitable[web.Response]]:
    """What answers with the files that are here, as `told`."""

    async def answer(request: web.Request) -> web.Response:
        return answered(told(await request.app[GATEWAY].entries()))

    return answer


async def styles(request: web.Request) -> web.Response:
    """The presets."""
    presets = await asyncio.to_thread(request.app[GATEWAY].presets.all)
    return answered(listing.styles_from([*presets.values()]))


async def samplers(_: web.Request) -> web.Response:
    """The samplers, by its names."""
    return answered(listed_samplers())


async def schedulers(_: web.Request) -> web.Response:
    """The schedules, by its names."""
    return answered(listed_schedules())


async def refresh(request: web.Request) -> web.Response:
    """Looks at the folders, which happens anyway."""
    await request.app[GATEWAY].entries()
    return answered(None)


async def memory(request: web.Request) -> web.Response:
    """Main memory, and all accelerators' as far as it is known: what their models may take."""
    total, free = main_memory.total(), main_memory.available()
    rooms = list[tuple[int, int]]()
    for worker in request.app[GATEWAY].pool.workers:
        if (ready := worker.ready) is not None and ready.room is not None and not ready.device.startswith("cpu"):
            rooms.append((ready.room.memory, sum(model.size for model in worker.stats.models)))
    cuda: dict[str, Any] = {"error": "unavailable"}
    if rooms:
        left, held = sum(max(0, memory - used) for memory, used in rooms), sum(used for _, used in rooms)
        cuda = {"system": {"free": left, "used": held, "total": sum(memory for memory, _ in rooms)}}
    return answered({"ram": {"free": free, "used": total - free, "total": total}, "cuda": cuda})


async def ping(_: web.Request) -> web.Response:
    """That it is here."""
    return answered({})

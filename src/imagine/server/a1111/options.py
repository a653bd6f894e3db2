"""`/sdapi/v1/options`: what of that program's settings a client may have of its own. The machine's are its owner's."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from ...asking.checking import refusal
from ...messages import message
from ...words.control_units import model_called
from ...words.entry import Entry
from ...words.errors import ImagineError
from ..gateway.gateway import Gateway
from ..gateway.keys import GATEWAY
from ..http.encoding import body_from
from ..orders.bodies import read_object
from .fields import EMPTY
from .listing import title_of
from .requests import CHECKPOINT, CLIP, FORMAT, FORMATS, MODULES, OPTIONS, QUALITY, RANDOM, VAE, options_in
from .routes import answered
from .running import CLIENTS

USUAL_OPTIONS: Mapping[str, Any] = {
    VAE: "Automatic", CLIP: 1, FORMAT: "png", QUALITY: 95, MODULES: [], RANDOM: "GPU", "sd_checkpoint_hash": "",
    "enable_pnginfo": True, "save_images_add_number": True, "live_previews_enable": True,
}  # fmt: skip


async def options(request: web.Request) -> web.Response:
    """What holds for the client."""
    gateway, own = request.app[GATEWAY], request.app[CLIENTS].of(request).options
    return answered(await _shown(gateway, own))


async def set_options(request: web.Request) -> web.Response:
    """What is to hold for the client from now on; what else is said is named in a header. Raises ModelNotFound."""
    gateway, client = request.app[GATEWAY], request.app[CLIENTS].of(request)
    with gateway.allowance.holding() as holding:
        body = await read_object(request, holding)
    shown = await _shown(gateway, client.options)
    wanted = {name: value for name, value in options_in(body).items() if value != shown.get(name)}
    if (model := wanted.get(CHECKPOINT)) is not None and model not in EMPTY:
        await gateway.choose(model_called(model))
    if (said := wanted.get(FORMAT)) is not None and said.lower() not in FORMATS:
        raise refusal(FORMAT, said, message("allowed.one_of", values=", ".join(FORMATS)))
    client.options.update(wanted)
    others = [name for name, value in body.items() if name not in OPTIONS and value != shown.get(name, ...)]
    headers = {}
    if others:
        named = ", ".join(name[:40] for name in others[:16])
        headers["X-Imagine-Warnings"] = json.dumps([str(message("webui.settings", names=named))])
    return web.Response(body=body_from(None), content_type="application/json", headers=headers)


async def unload(request: web.Request) -> web.Response:
    """Lets the client's model go once no job uses it."""
    gateway = request.app[GATEWAY]
    entry = await current(gateway, request.app[CLIENTS].of(request).options)
    if entry is not None and (name := gateway.registry.base_of(entry).name) in gateway.resident():
        await gateway.pool.models.unload(name)
    return answered({})


async def reload(request: web.Request) -> web.Response:
    """Has the client's model loaded."""
    gateway = request.app[GATEWAY]
    entry = await current(gateway, request.app[CLIENTS].of(request).options)
    if entry is not None:
        await gateway.pool.models.load(await gateway.to_load(entry.name))
        gateway.used(entry.name)
    return answered({})


async def current(gateway: Gateway, own: Mapping[str, Any]) -> Entry | None:
    """The model that a client's next request gets, if it names none; None where that would be refused."""
    named = own.get(CHECKPOINT)
    with contextlib.suppress(ImagineError):
        return await gateway.choose(model_called(named) if named and named not in EMPTY else None)
    return None


async def _shown(gateway: Gateway, own: Mapping[str, Any]) -> dict[str, Any]:
    """All that hold."""
    entry = await current(gateway, own)
    model = {} if entry is None else {CHECKPOINT: title_of(entry), "sd_checkpoint_hash": entry.file_digest}
    return {CHECKPOINT: None, **USUAL_OPTIONS, **own, **model}

"""The models there are: their names, what is known of each, its samplers; and letting a loaded one go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web

from ...asking.resolve import kind_of
from ...registry.memory_needed import memory_on
from ...registry.same_files import names_of_the_same
from ...registry.shown import shown
from ...words.entry import Entry
from ...words.samplers import describe
from ..gateway.devices import HeldModel, rooms_of, told_of
from ..gateway.gateway import Gateway, model_from
from ..gateway.keys import GATEWAY
from ..http.context import LANGUAGE
from ..http.encoding import body_from


async def models(request: web.Request) -> web.Response:
    """Names, details of each, which of them are loaded, and files that can't be used as a model, with the reason.

    Some of these are loaded too: one that lacks a VAE draws where the request names one.
    With `digest`, only those that are known by it: of the content, the header, the whole file or its beginning.
    `same_as` names others that are the very same bytes on the disk.
    `default` is the model of every request that names none; null where that depends on what was used last.
    `aliases` are further names that a request can say for a model, whether that can be used or not.
    """
    gateway, digest = request.app[GATEWAY], request.query.get("digest")
    entries = await gateway.entries()
    if digest is not None:
        entries = await gateway.digests.of(digest)
    resident, same = gateway.resident(), names_of_the_same(await gateway.entries())
    makers = [entry for entry in entries if entry.generates]
    others = [entry for entry in entries if not entry.generates]
    answer = {
        "models": [entry.name for entry in makers],
        "default": gateway.default_model(),
        "aliases": gateway.settings.aliases.names(),
        "details": [_detail(gateway, each, resident.get(each.name)) | _sharing(each, same) for each in makers],
        "others": [_shown(each, resident.get(each.name)) | _sharing(each, same) for each in others],
    }
    return web.Response(body=body_from(answer), content_type="application/json")


async def model(request: web.Request) -> web.Response:
    """Details of one, by its name or an alias, with the digest of its content; the whole file's is made meanwhile.

    `memory` says what it needs of a device's, and how it is held on the one here that it fits best.
    """
    gateway = request.app[GATEWAY]
    entry = await gateway.to_draw(request.match_info["name"])
    gateway.digests.used(model_from(await gateway.digests.known(gateway.registry.base_of(entry))).main)
    memory = memory_on(entry, rooms_of(gateway.pool))
    answer = _detail(gateway, entry, gateway.resident().get(entry.name)) | {"memory": memory}
    return web.Response(body=body_from(answer), content_type="application/json")


async def samplers(request: web.Request) -> web.Response:
    """The samplers with their schedules and bounds, for the model that `model` names, else for an ordinary one."""
    name = request.query.get("model")
    kind = kind_of(await request.app[GATEWAY].choose(name)) if name else "ordinary"
    return web.Response(body=body_from({"samplers": describe(kind)}), content_type="application/json")


async def unload(request: web.Request) -> web.Response:
    """Lets a model go once no job uses it; that it isn't loaded is no error."""
    gateway, name = request.app[GATEWAY], request.match_info["name"]
    if name not in gateway.resident():  # as an upscaler may be, which nobody draws with
        name = gateway.registry.base_of(await gateway.choose(name)).name
    await gateway.pool.models.unload(name)
    return web.Response(body=body_from({"unloaded": name}), content_type="application/json")


async def library(request: web.Request) -> web.StreamResponse:
    """Where the files are from, and what could be pulled."""
    from . import library  # what asks other machines is there only once somebody wants it

    return await library.library(request)


async def plan(request: web.Request) -> web.StreamResponse:
    """What a pull would come to."""
    from . import library

    return await library.plan(request)


async def removal(request: web.Request) -> web.StreamResponse:
    """What a removal would come to."""
    from . import library

    return await library.removal(request)


async def preview(request: web.Request) -> web.StreamResponse:
    """The picture that lies beside a file."""
    from . import library

    return await library.preview(request)


def _detail(gateway: Gateway, entry: Entry, resident: list[HeldModel] | None) -> dict[str, Any]:
    """A model as clients may know it."""
    return _shown(entry, resident) | {"defaults": msgspec.to_builtins(gateway.defaults_of(entry))}


def _sharing(entry: Entry, same: Mapping[str, list[str]]) -> dict[str, Any]:
    return {"same_as": same[entry.path]} if entry.path in same else {}


def _shown(entry: Entry, resident: list[HeldModel] | None) -> dict[str, Any]:
    """Any file, and what there is loaded of it."""
    return shown(entry, LANGUAGE.get()) | {"loaded": _loaded(entry, resident)}


def _loaded(entry: Entry, resident: list[HeldModel] | None) -> dict[str, Any] | None:
    """None where what is loaded under that name is another file."""
    of_this = [held for held in resident or () if held.model.digest == entry.digest]
    return told_of(of_this) if of_this else None

"""`/api/pull`, `/api/delete` and `/api/copy`: what changes which models there are, for the owner alone.

Imported once somebody asks for it: a server that is never told to fetch anything holds nothing that could.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator
from typing import Any

from aiohttp import web

from ...library import keeping
from ...library.catalogue import KeptOffers
from ...library.connection import SiteConnection
from ...library.plan import PullPlan
from ...library.pull import Library, PullNews, pull
from ...library.sites import sites_from
from ...messages import message
from ...words.errors import ImagineError
from ..gateway.gateway import Gateway
from ..gateway.keys import GATEWAY
from ..http.encoding import NDJSON, body_from
from ..http.encoding import line_from as bytes_of
from ..http.errors import trouble_from
from ..http.security import GUARD, Refused
from .errors import error_from
from .listing import PULLED

_EVERY = 0.06
"""Seconds between lines of one file, as in Ollama."""
_PATIENCE = 120.0
_STATUSES = {"pull.unknown": 404, "pull.offline": 403}


async def pulled(request: web.Request, name: str, *, streams: bool) -> web.StreamResponse:
    """The lines of a pull, or one object once it is done. An error before the first line is raised."""
    check_owner(request)
    gateway = request.app[GATEWAY]
    response = web.StreamResponse(headers={"X-Accel-Buffering": "no", "Cache-Control": "no-store"})
    response.content_type = NDJSON
    try:
        async with contextlib.aclosing(_lines(gateway, name)) as lines:
            async for line in lines:
                if streams:
                    await send(request, response, line)
    except (ConnectionError, TimeoutError):
        return response  # nobody is there to be told; what came stays for the next time
    except Exception as error:
        if not response.prepared:
            raise _as_told(error) from error
        with contextlib.suppress(ConnectionError, TimeoutError):
            await send(request, response, error_from(trouble_from(error)))
    return response if streams else web.Response(body=body_from(PULLED), content_type="application/json")


async def deleted(request: web.Request, name: str) -> web.Response:
    """Removes a file, and what was pulled for it alone; pictures in the making still get done."""
    check_owner(request)
    gateway = request.app[GATEWAY]
    await gateway.entries()
    entry = keeping.find(gateway.registry, name)
    removal = await asyncio.to_thread(keeping.removal_of, entry, gateway.registry)
    await asyncio.to_thread(keeping.remove, removal, gateway.registry.roots)
    if entry.name in gateway.resident():
        await gateway.pool.models.unload(entry.name)
    await gateway.entries()
    return web.Response()


async def copied(request: web.Request, name: str, destination: str) -> web.Response:
    """Gives a file a second name."""
    check_owner(request)
    gateway = request.app[GATEWAY]
    await gateway.entries()
    entry = keeping.find(gateway.registry, name)
    await asyncio.to_thread(keeping.copy, entry, destination, gateway.registry)
    await gateway.entries()
    return web.Response()


def check_owner(request: web.Request) -> None:
    """Raises Refused for whoever mustn't change which models there are."""
    if not request.app[GUARD].is_owner(request):
        raise Refused(403, message("pull.who"))


def _as_told(error: Exception) -> Exception:
    """As its status tells it: a model that there isn't, or what the owner won't have, is no fault of a site's."""
    status = _STATUSES.get(error.note.code) if isinstance(error, ImagineError) else None
    return Refused(status, error.note) if isinstance(error, ImagineError) and status else error


async def _lines(gateway: Gateway, name: str) -> AsyncGenerator[dict[str, Any]]:
    """What Ollama's clients read of a pull that goes on for as long as somebody listens."""
    news: asyncio.Queue[PullNews | None] = asyncio.Queue()
    pulling = asyncio.create_task(_pull(gateway, name, news))
    try:
        last: tuple[str, str] = ("", "")
        told = 0.0
        while (each := await news.get()) is not None:
            now, what = asyncio.get_running_loop().time(), (each.status, each.file)
            if what == last and now - told < _EVERY and each.completed < each.total:
                continue
            last, told = what, now
            if (line := line_of(each)) is not None:
                yield line
        await pulling
    finally:
        pulling.cancel()
        await asyncio.wait([pulling])


async def _pull(gateway: Gateway, name: str, news: asyncio.Queue[PullNews | None]) -> None:
    root = gateway.registry.roots[0]
    library = Library(root, gateway.registry, KeptOffers(gateway.settings.home / "catalogue.json"))
    try:
        sites = sites_from(os.environ, offline=gateway.settings.offline)
        async with SiteConnection(sites) as connection:
            await pull(name, library, connection, news.put_nowait, _agreed)
        await gateway.entries()
    finally:
        news.put_nowait(None)


async def _agreed(_: PullPlan) -> bool:
    """Who asks by the API has agreed, as in Ollama."""
    return True


def line_of(news: PullNews) -> dict[str, Any] | None:
    """A line of Ollama's; None for what it hasn't a word for."""
    digest = news.digest
    match news.status:
        case "planned":
            return {"status": "pulling manifest"}
        case "pulling" | "here":
            bytes_there = {"total": news.total} | ({"completed": news.completed} if news.completed else {})
            known = {"digest": f"sha256:{digest}"} if digest else {}
            return {"status": f"pulling {digest[:12] or news.file}", **known, **bytes_there}
        case "verifying" if not news.completed:
            return {"status": "verifying sha256 digest"}
        case "placed":
            return {"status": "writing manifest"}
        case "done":
            return PULLED
    return None


async def send(request: web.Request, response: web.StreamResponse, line: dict[str, Any]) -> None:
    """A line of an answer, which begins with its first."""
    async with asyncio.timeout(_PATIENCE):
        if not response.prepared:
            await response.prepare(request)
        await response.write(bytes_of(line))

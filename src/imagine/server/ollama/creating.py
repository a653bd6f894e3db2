"""`/api/create` and `/api/blobs`: models made of others and of files that are sent, for the owner alone.

Imported once somebody asks for it, as `library` is.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from aiohttp import web

from ...asking.imagefile import Imagefile, parse
from ...asking.named_models import made_from, made_of
from ...library import creating
from ...library.blobs import IncomingBlob, blob_at, checked_blob, sweep_blobs
from ...library.checked import sha256_of
from ...messages import message
from ...words.errors import BadRequest
from ...words.named_model import NamedLora, NamedModel
from ..gateway.gateway import Gateway
from ..gateway.keys import GATEWAY
from ..http.body import TooSlow
from ..http.encoding import NDJSON, body_from
from ..http.errors import trouble_from
from .errors import error_from
from .library import check_owner, send
from .listing import PULLED

_OF_WORDS = {"system": "prompt_prefix", "template": "prompt_prefix", "messages": "sample", "quantize": "from"}
"""What language models are told, and what there is here in its place."""
_PIECE = 2**20
_STALLED = 60.0
"""Seconds without a byte."""


class _CreateWish(NamedTuple):
    name: str
    made: NamedModel
    files: Mapping[str, str]
    adapters: Mapping[str, str]
    read: Imagefile | None = None


async def created(request: web.Request, body: Mapping[str, Any], *, streams: bool) -> web.StreamResponse:
    """Makes a model; its lines say what of, or one object that it is made."""
    check_owner(request)
    gateway = request.app[GATEWAY]
    wish = _wish_from(body)
    if wish.made.preset:
        await asyncio.to_thread(_check_preset, gateway, wish)
    await gateway.entries()
    news: asyncio.Queue[str | None] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def told(line: str) -> None:
        loop.call_soon_threadsafe(news.put_nowait, line)

    making = asyncio.create_task(asyncio.to_thread(_create, gateway, wish, told))
    making.add_done_callback(lambda _: news.put_nowait(None))
    response = web.StreamResponse(headers={"X-Accel-Buffering": "no", "Cache-Control": "no-store"})
    response.content_type = NDJSON
    with contextlib.suppress(ConnectionError, TimeoutError):  # it is made all the same
        while (line := await news.get()) is not None:
            if streams:
                await send(request, response, {"status": line})
    last: dict[str, Any] = PULLED
    try:
        await making
        await gateway.entries()
    except Exception as error:
        if not response.prepared:
            raise
        last = error_from(trouble_from(error))
    if not streams:
        return web.Response(body=body_from(PULLED), content_type="application/json")
    with contextlib.suppress(ConnectionError, TimeoutError):
        await send(request, response, last)
    return response


async def blob_is_here(request: web.Request, digest: str) -> web.Response:
    """200 where the file of that digest came and waits to be taken, else 404."""
    check_owner(request)
    path = blob_at(_root(request.app[GATEWAY]), digest)
    return web.Response(status=200 if await asyncio.to_thread(path.is_file) else 404)


async def blob_received(request: web.Request, digest: str) -> web.Response:
    """Takes a file, as it comes, onto the disk."""
    check_owner(request)
    root = _root(request.app[GATEWAY])
    await asyncio.to_thread(sweep_blobs, root)
    incoming = await asyncio.to_thread(IncomingBlob, root, digest, request.content_length)
    with incoming:
        try:
            while True:
                async with asyncio.timeout(_STALLED):
                    piece = await request.content.read(_PIECE)
                if not piece:
                    break
                await asyncio.to_thread(incoming.write, piece)
        except TimeoutError as error:
            raise TooSlow from error
        await asyncio.to_thread(incoming.keep)
    return web.Response(status=201)


def _wish_from(body: Mapping[str, Any]) -> _CreateWish:
    """Raises BadRequest."""
    for field, instead in _OF_WORDS.items():
        if body.get(field):
            raise BadRequest(message("create.words", field, instead=instead))
    name = creating.name_from(str(body.get("model") or body.get("name")))
    files, adapters = _digests(body, "files"), _digests(body, "adapters")
    text = body.get("imagefile") or body.get("modelfile")
    if isinstance(text, str):
        read = parse(text)
        return _CreateWish(name, read.made, {}, {}, read)
    made = made_from(made_of(body))
    if len(files) > 1:
        raise BadRequest(message("create.files", "files", count=len(files)))
    if bool(files) == bool(made.base):
        raise BadRequest(message("create.from", "from"))
    words = [field for field in ("prompt_prefix", "prompt_suffix", "preset") if getattr(made, field)]
    if files and words:
        raise BadRequest(message("create.beside", words[0]))
    return _CreateWish(name, made, files, adapters)


def _check_preset(gateway: Gateway, wish: _CreateWish) -> None:
    """Raises BadRequest where there is none of that name."""
    try:
        gateway.presets.find(wish.made.preset)
    except BadRequest as error:
        raise (error if wish.read is None else wish.read.refused(error)) from error


def _digests(body: Mapping[str, Any], field: str) -> dict[str, str]:
    said = body.get(field) or {}
    if not isinstance(said, dict) or not all(isinstance(each, str) for each in said.values()):
        raise BadRequest(message("create.digests", field))
    return said


def _create(gateway: Gateway, wish: _CreateWish, told: Callable[[str], None]) -> None:
    """On a thread."""
    registry, root = gateway.registry, _root(gateway)
    sweep_blobs(root)
    sent = (*wish.files.items(), *wish.adapters.items())
    blobs = {digest: checked_blob(root, digest, name) for name, digest in sent}
    placed = list[Path]()
    try:
        for name, digest in wish.adapters.items():
            told(f"using existing layer {digest}")
            if not (root / name).is_file() or sha256_of(root / name) != blobs[digest].name[7:]:
                creating.place(blobs[digest], root / name)
                placed.append(root / name)
        registry.refresh()
        _make(gateway, wish, blobs, told)
    except BaseException:
        for path in placed:  # nothing uses them
            path.unlink(missing_ok=True)
        raise


def _make(gateway: Gateway, wish: _CreateWish, blobs: Mapping[str, Path], told: Callable[[str], None]) -> None:
    """What is asked for, now that its adapters are there."""
    registry, root = gateway.registry, _root(gateway)
    own = tuple(NamedLora(name=Path(name).stem) for name in wish.adapters)
    made = msgspec.structs.replace(wish.made, loras=(*wish.made.loras, *own))
    if not wish.files:
        try:
            creating.create(registry, wish.name, made, told)
        except BadRequest as error:
            if wish.read is None or error.note.field == "model":
                raise
            raise wish.read.refused(error) from error
        return
    ((name, digest),) = wish.files.items()
    creating.check_free(registry, wish.name)
    told(f"using existing layer {digest}")
    told("writing manifest")
    sidecar = creating.yaml_of(made) if made else b""
    creating.place(blobs[digest], root / f"{wish.name}{Path(name).suffix.lower()}", sidecar)
    registry.refresh()


def _root(gateway: Gateway) -> Path:
    return gateway.registry.roots[0]

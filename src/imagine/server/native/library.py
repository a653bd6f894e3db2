"""`/library`: what a person wants to know of models before and after they are pulled, copied and removed, which is
Ollama's part of the API: where each is from, what it takes of this machine, what a pull or a removal would come to.

Imported once somebody asks for it.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aiohttp import web

from ...asking.json_body import read_json
from ...files.reading import read_file
from ...library import keeping
from ...library.catalogue import CATALOGUE, KeptOffers
from ...library.connection import SiteConnection
from ...library.plan import Planner, PullPlan
from ...library.record import PullRecord, record_of
from ...library.sites import sites_from
from ...messages import message
from ...pictures.containers import sniff
from ...registry.memory_needed import memory_on
from ...words.entry import Entry
from ...words.errors import BadRequest, ImagineError
from ...words.frames import Room
from ..gateway.devices import rooms_of
from ..gateway.gateway import Gateway
from ..gateway.keys import GATEWAY
from ..http.body import read_body
from ..http.context import CALLED, LANGUAGE
from ..http.dialect import SPOKEN
from ..http.encoding import body_from
from ..http.security import GUARD, Refused
from .replies import warnings_in

_CHANGES = "Ollama"
"""The dialect by which models are pulled, copied and removed."""
_NOTES = ("modelspec.description", "modelspec.usage_hint")
_MOST_NOTES = 2000
"""Characters."""
_MOST_PREVIEW = 8 * 2**20
_SAMPLES = tuple(f"{middle}{suffix}" for middle in (".preview", "") for suffix in (".png", ".jpg", ".jpeg", ".webp"))
"""What a picture beside a file is called behind the file's name, as other programs keep them."""
_HUBS = "/snapshots/"


async def library(request: web.Request) -> web.Response:
    """Every file, and the catalogue. `changes`: may who asks pull, copy and remove? `free` is in bytes."""
    gateway = request.app[GATEWAY]
    entries = [entry for entry in await gateway.entries() if not entry.place]
    told = await asyncio.to_thread(_told, gateway, entries, rooms_of(gateway.pool))
    may = request.app[GUARD].is_owner(request) and any(each.name == _CHANGES for each in request.app[SPOKEN])
    return _json({"changes": may, "offline": _is_offline(gateway), **told})


async def plan(request: web.Request) -> web.Response:
    """What pulling a name would come to; asks the sites for it, and fetches no more than the beginning of a file."""
    gateway, name = request.app[GATEWAY], await _model_said(request)
    _check_owner(request)
    await gateway.entries()
    root = gateway.registry.roots[0]
    sites = sites_from(os.environ, offline=gateway.settings.offline)
    async with SiteConnection(sites) as connection:
        planner = Planner(connection, root, gateway.registry, _kept(gateway), lambda _what, _done, _size: None)
        found = await planner.plan(name)
    free = await asyncio.to_thread(_free, root)
    return _json(
        _plan_told(name, found) | {"free": free} | warnings_in([*found.warnings], LANGUAGE.get(), CALLED.get())
    )


async def removal(request: web.Request) -> web.Response:
    """What would go with a file, and what would stay."""
    gateway = request.app[GATEWAY]
    _check_owner(request)
    await gateway.entries()
    entry = keeping.find(gateway.registry, request.match_info["name"])
    found = await asyncio.to_thread(keeping.removal_of, entry, gateway.registry)
    gone = [{"name": each.name, "size": each.size} for each in (found.entry, *found.parts)]
    return _json({"removes": gone, "keeps": [each.name for each in found.kept], "frees": found.size})


async def preview(request: web.Request) -> web.Response:
    """The picture that lies beside a file, where one does."""
    gateway, name = request.app[GATEWAY], request.match_info["name"]
    kind = request.query.get("kind", "")
    for entry in await gateway.entries():
        if entry.name == name and not entry.place and kind in ("", entry.kind):
            found = await asyncio.to_thread(_sample, entry, gateway.registry.roots)
            if found is not None:
                headers = {"Cache-Control": "no-cache", "Content-Security-Policy": "sandbox"}
                return web.Response(body=found[1], content_type=found[0], headers=headers)
    raise web.HTTPNotFound


def _check_owner(request: web.Request) -> None:
    if not request.app[GUARD].is_owner(request):
        raise Refused(403, message("pull.who"))


async def _model_said(request: web.Request) -> str:
    with request.app[GATEWAY].allowance.holding() as holding:
        said = read_json(await read_body(request, holding))
    name = said.get("model")
    if not isinstance(name, str) or not name.strip():
        raise BadRequest(message("library.model", "model"), reason="missing")
    return name.strip()


def _told(gateway: Gateway, entries: Sequence[Entry], rooms: Sequence[Room]) -> dict[str, Any]:
    records = {entry.path: record_of(Path(entry.path)) for entry in entries}
    listed: dict[Path, frozenset[str]] = {}
    files = [_file_told(entry, records[entry.path], rooms, listed) for entry in entries]
    return {
        "free": _free(gateway.registry.roots[0]),
        "catalogue": _catalogue(gateway, entries, records),
        "files": files,
    }


def _file_told(
    entry: Entry, record: PullRecord | None, rooms: Sequence[Room], listed: dict[Path, frozenset[str]]
) -> dict[str, Any]:  # fmt: skip
    told: dict[str, Any] = {
        "name": entry.name,
        "kind": entry.kind,
        "removable": not entry.shipped and _HUBS not in entry.path,
        "preview": any(path.name in _listed(path.parent, listed) for path in _samples(entry)),
        "notes": "\n".join(filter(None, (entry.metadata.get(key, "").strip() for key in _NOTES)))[:_MOST_NOTES],
    }
    if record is not None:
        told |= {"source": record.source, "page": record.page, "licence": record.licence, "pulled": record.pulled}
    if entry.generates and rooms and (works := memory_on(entry, rooms).get("works")):
        told["fits"] = {name: works[0][name] for name in ("way", "minimum", "comfortable")}
    return told


def _catalogue(
    gateway: Gateway, entries: Sequence[Entry], records: dict[str, PullRecord | None]
) -> list[dict[str, Any]]:
    kept, names = _kept(gateway), {entry.path: entry.name for entry in entries}
    sources = {record.source: names[path] for path, record in records.items() if record is not None}
    told = []
    for name, row in CATALOGUE.items():
        offer = kept.of(str(row.source))
        here = next((file for source, file in sources.items() if _is_of(source, row.repository, row.file)), None)
        told.append(
            {
                "name": name, "source": row.repository, "file": row.file, "licence": row.licence.name,
                "terms": row.licence.url, "size": None if offer is None else sum(file.size for file in offer.files),
                "here": here,
            }
        )  # fmt: skip
    return told


def _is_of(source: str, repository: str, file: str) -> bool:
    """Is a file that was pulled from `source` that one?"""
    return source.removeprefix("hf:").startswith(f"{repository}/") and source.endswith(f"/{file}")


def _plan_told(name: str, found: PullPlan) -> dict[str, Any]:
    files = [
        {
            "name": each.file.last, "size": each.size, "role": each.role, "here": each.there is not None,
            "digest": each.file.sha256,
        }
        for each in found.files
    ]  # fmt: skip
    page = found.files[0].offer.page if found.files else ""
    about = {"model": name, "source": found.source, "page": page, "licence": found.licence}
    return about | {"files": files, "size": found.size}


def _listed(folder: Path, listed: dict[Path, frozenset[str]]) -> frozenset[str]:
    """What lies in a folder, looked at once."""
    if folder not in listed:
        try:
            listed[folder] = frozenset(path.name for path in folder.iterdir())
        except OSError:
            listed[folder] = frozenset()
    return listed[folder]


def _samples(entry: Entry) -> list[Path]:
    path = Path(entry.path)
    stem = path.name if entry.format == "diffusers" and not entry.is_named else path.stem.removesuffix(".imagine")
    return [path.with_name(stem + ending) for ending in _SAMPLES]


def _sample(entry: Entry, roots: Sequence[Path]) -> tuple[str, bytes] | None:
    """Its type and bytes; None where there is none that a browser shows, or it lies outside the folders of models."""
    root = next((each for each in roots if Path(entry.path).is_relative_to(each)), None)
    if root is None:
        return None
    for path in _samples(entry):
        try:
            data = read_file(path, _MOST_PREVIEW, within=root)
        except ImagineError:
            continue
        if (form := sniff(data)) is not None:
            return f"image/{form}", data
    return None


def _kept(gateway: Gateway) -> KeptOffers:
    return KeptOffers(gateway.settings.home / "catalogue.json")


def _is_offline(gateway: Gateway) -> bool:
    try:
        return sites_from(os.environ, offline=gateway.settings.offline).offline
    except BadRequest:
        return True


def _free(root: Path) -> int | None:
    """Bytes of the disk that models go to; None where that can't be told."""
    try:
        return shutil.disk_usage(root if root.exists() else root.parent).free
    except OSError:
        return None


def _json(value: dict[str, Any]) -> web.Response:
    return web.Response(body=body_from(value), content_type="application/json", headers={"Cache-Control": "no-store"})

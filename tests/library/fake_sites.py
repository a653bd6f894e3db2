"""A hub, a Civitai and the store that both send on to, which misbehave as they are told.

Answers have the shapes that Hugging Face's own client reads (`tests/library/test_official_client.py` holds them to it)
and that Civitai documents.
"""

import asyncio
import contextlib
import hashlib
import random
from urllib.parse import quote

from aiohttp import web
from aiohttp.test_utils import TestServer

from imagine.library.connection import SiteConnection
from imagine.library.manners import Cutting, Manners, Persistence
from imagine.library.sites import ModelSite, Sites
from tests.registry import declared

COMMIT = "ab" * 20
TOKEN = "hf_of_the_owner"
SIGNED = "Signature=a%2Fb%3D%7E~%2B&Key-Pair-Id=K%20x"
"""What a link carries that is only good as it is written."""


def weights(seed=1, shapes=None, metadata=None):
    """A safetensors file of these shapes, of whose bytes no two are likely to be taken for each other."""
    text, size = declared.header_json(shapes or {"blob": (300_000,)}, metadata=metadata)
    return len(text).to_bytes(8, "little") + text + random.Random(seed).randbytes(size)


class FakeSites:
    """`repositories` are files by path, by repository. Each trouble is a list, from which every request to the store
    takes one; None is none."""

    def __init__(self):
        self.repositories = {}
        self.cards = {}
        self.gated = set()
        self.versions = {}
        self.direct = False
        """Does the hub send its files itself?"""
        self.ranges = True
        self.cuts = []
        """Bytes after which the connection breaks."""
        self.stops = {}
        """The same, by the Range that is asked for, once."""
        self.statuses = []
        self.api_statuses = []
        self.bodies = []
        """What the store sends in the place of a file: its type and bytes."""
        self.leads = []
        """Where a link leads instead."""
        self.adds = []
        """Bytes by which a length lies."""
        self.stalls = []
        self.spoils = []
        self.asked = []
        """Of every request: site, path, Range, Authorization."""
        self.sent = 0
        self.release = asyncio.Event()
        self.sending = asyncio.Event()

    async def __aenter__(self):
        hub = web.Application()
        hub.router.add_get("/api/models/{repository:[^/]+/[^/]+}/revision/{revision}", self._about)
        hub.router.add_get("/{repository:[^/]+/[^/]+}/resolve/{commit}/{path:.+}", self._resolve)
        hub.router.add_get("/api/v1/models/{number}", self._model)
        hub.router.add_get("/api/v1/model-versions/{number}", self._version)
        hub.router.add_get("/api/download/models/{number}", self._download)
        store = web.Application()
        store.router.add_get("/{repository:[^/]+/[^/]+}/{path:.+}", self._file)
        self._servers = [TestServer(hub), TestServer(store)]
        for server in self._servers:
            await server.start_server()
        self.hub, self.store = (str(server.make_url("")).rstrip("/") for server in self._servers)
        return self

    async def __aexit__(self, *_):
        self.release.set()
        for server in self._servers:
            await server.close()

    def sites(self, **said):
        site = ModelSite(self.hub, ("127.0.0.1",), TOKEN)
        return Sites(site, site, **said)

    def connection(self, *, public=lambda _: True, stall=30.0, tries=3, **said):
        manners = Manners(Persistence(tries=tries, pause=nothing), Cutting(4, 100_000), stall)
        return SiteConnection(self.sites(**said), manners, public=public)

    def _note(self, site, request):
        headers = request.headers
        self.asked.append((site, request.path, headers.get("Range", ""), headers.get("Authorization", "")))

    async def _about(self, request):
        self._note("api", request)
        if status := taken(self.api_statuses):
            return web.Response(status=status, headers={"Retry-After": "2"})
        name = request.match_info["repository"]
        if name not in self.repositories:
            return web.Response(status=404)
        siblings = [sibling(path, data) for path, data in self.repositories[name].items()]
        card = self.cards.get(name, {})
        return web.json_response(
            {"id": name, "sha": COMMIT, "siblings": siblings, "cardData": card, "gated": name in self.gated}
        )

    async def _resolve(self, request):
        self._note("hub", request)
        name, path = request.match_info["repository"], request.match_info["path"]
        if name in self.gated:
            return web.Response(status=403, headers={"X-Error-Code": "GatedRepo"})
        data = self.repositories.get(name, {}).get(path)
        if data is None:
            return web.Response(status=404, headers={"X-Error-Code": "EntryNotFound"})
        if self.direct:
            return await self._send(request, data)
        to = taken(self.leads) or f"{self.store}/{name}/{quote(path)}?{SIGNED}"
        headers = {"Location": to, "X-Repo-Commit": COMMIT, "X-Linked-Size": str(len(data))}
        headers |= {"X-Linked-ETag": f'"{hashlib.sha256(data).hexdigest()}"', "ETag": '"etag"'}
        return web.Response(status=302, headers=headers)

    async def _file(self, request):
        self._note("store", request)
        if request.raw_path.partition("?")[2] not in ("", SIGNED):
            return web.Response(status=403)
        data = self.repositories[request.match_info["repository"]][request.match_info["path"]]
        if (status := taken(self.statuses)) is not None:
            return web.Response(status=status, headers={"Retry-After": "1"} if status == 429 else {})
        if (body := taken(self.bodies)) is not None:
            return web.Response(content_type=body[0], body=body[1])
        return await self._send(request, data)

    async def _send(self, request, data):
        if taken(self.spoils):
            data = data[:-3] + b"xyz"
        start, end, status = 0, len(data), 200
        if self.ranges and (asked := request.headers.get("Range")):
            first, _, last = asked.removeprefix("bytes=").partition("-")
            start, end, status = int(first), min(int(last) + 1, len(data)), 206
        answer = web.StreamResponse(status=status, headers={"Content-Type": "application/octet-stream"})
        answer.content_length = end - start + (taken(self.adds) or 0)
        if status == 206:
            answer.headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(data)}"
        await answer.prepare(request)
        asked = request.headers.get("Range")
        cut = self.stops.pop(asked) if asked in self.stops else taken(self.cuts)
        sent = data[start:end] if cut is None else data[start : min(end, start + cut)]
        with contextlib.suppress(ConnectionError):
            await answer.write(sent)
            self.sent += len(sent)
            self.sending.set()
            if taken(self.stalls):
                await self.release.wait()
        if len(sent) < answer.content_length:
            request.transport.close()  # once what was sent is there
        return answer

    async def _model(self, request):
        self._note("civitai", request)
        versions = [v for v in self.versions.values() if v["modelId"] == int(request.match_info["number"])]
        return web.json_response({"name": "Ink", "allowCommercialUse": ["Image"], "allowDerivatives": False,
                                  "modelVersions": versions})  # fmt: skip

    async def _version(self, request):
        self._note("civitai", request)
        return web.json_response(self.versions[int(request.match_info["number"])])

    async def _download(self, request):
        self._note("civitai", request)
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.Response(status=401)
        (file,) = (f for v in self.versions.values() for f in v["files"] if str(f["id"]) == request.query["fileId"])
        raise web.HTTPTemporaryRedirect(f"{self.store}/civitai/files/{quote(file['name'])}")

    def add_version(self, number, model, name, data, **metadata):
        """A version of a model of Civitai's, of one file."""
        file = {"id": number * 10, "name": name, "sizeKB": len(data) / 1024, "primary": True, "metadata": metadata}
        file["hashes"] = {"SHA256": hashlib.sha256(data).hexdigest().upper()}
        self.versions[number] = {"id": number, "modelId": model, "name": "v1", "files": [file]}
        self.repositories.setdefault("civitai/files", {})[name] = data


def sibling(path, data):
    """A file as the Hub tells of it: what is large, or weights, lies in LFS."""
    if path.endswith((".safetensors", ".gguf", ".bin")):
        digest = hashlib.sha256(data).hexdigest()
        return {"rfilename": path, "size": len(data), "lfs": {"sha256": digest, "size": len(data), "pointerSize": 134}}
    blob = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
    return {"rfilename": path, "size": len(data), "blobId": blob}


def taken(troubles):
    """The next of them, None where there are no more."""
    return troubles.pop(0) if troubles else None


async def nothing(_):
    """Nobody waits in tests; others have their turn."""
    await asyncio.sleep(0)

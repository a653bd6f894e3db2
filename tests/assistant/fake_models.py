"""A server of language models of either dialect, which answers as it is told to, rightly or wrongly."""

import asyncio
import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from imagine.assistant.client import ModelServer
from imagine.words.assistant import AssistantSettings

MODEL = "seer"
PATIENCE = 900.0
"""Seconds: for what hangs, not for what is slow."""
Act = Callable[["FakeModels", web.Request, dict[str, Any]], Any]
"""What it does with a question: a response, or a coroutine that ends in one."""


def says(text: Any, ended: str = "stop", **beside: Any) -> Act:
    """A model's text, or an object as text, in the dialect's own shape."""
    written = text if isinstance(text, str) or text is None else json.dumps(text, ensure_ascii=False)
    return lambda fake, *_: web.json_response(fake.shaped(written, ended, **beside))


def answers(status: int, body: Any = None, **headers: str) -> Act:
    """A status, with what is said beside it."""
    return lambda *_: web.json_response(body if body is not None else {}, status=status, headers=headers)


def sends(body: bytes, kind: str = "application/json", **headers: str) -> Act:
    """Bytes as they are."""
    return lambda *_: web.Response(body=body, content_type=kind, headers=headers)


async def _hangs(fake: "FakeModels", *_: Any) -> web.Response:
    await fake.over.wait()
    return web.Response()


async def _drips(fake: "FakeModels", request: web.Request, _: Any) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"{")
    await fake.over.wait()
    return response


async def _drops(_: Any, request: web.Request, __: Any) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def _stops_half_way(_: Any, request: web.Request, __: Any) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"message": {')
    assert request.transport is not None
    request.transport.close()
    return response


async def _never_ends(_: Any, request: web.Request, __: Any) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    with contextlib.suppress(ConnectionError):
        for _ in range(64):
            await response.write(b" " * 2**16)
    return response


HANGS, DRIPS, DROPS, STOPS, ENDLESS = _hangs, _drips, _drops, _stops_half_way, _never_ends


@dataclass
class FakeModels:
    """One server. `script` is what it does with each question, the last of them for ever."""

    dialect: str
    script: list[Act] = field(default_factory=list)
    models: dict[str, list[str]] = field(default_factory=lambda: {MODEL: ["completion", "vision"]})
    """Their names, and what each can."""
    running: set[str] = field(default_factory=set)
    stays: int = 0
    """Looks at what runs until what is to go has gone."""
    lists: str = ""
    """How a server of OpenAI's dialect tells what is loaded: as a `router` of llama.cpp's, as LM `studio`, or not."""
    instances: list[list[str] | None] = field(default_factory=list)
    """What LM `studio` says is loaded of our model, look by look, the last for ever; None: it has no answer."""
    let_go: list[dict[str, Any]] = field(default_factory=list)
    """The bodies of what unloads, of OpenAI's dialect."""
    asked: list[dict[str, Any]] = field(default_factory=list)
    """The bodies of all questions."""
    seen: list[str] = field(default_factory=list)
    """The paths of all requests."""
    connections: set[Any] = field(default_factory=set)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    def shaped(self, text: Any, ended: str, **beside: Any) -> dict[str, Any]:
        said = {"role": "assistant", "content": text, **beside}
        if self.dialect == "ollama":
            return {"model": MODEL, "message": said, "done": True, "done_reason": ended}
        return {"choices": [{"index": 0, "message": said, "finish_reason": ended}]}

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(request.path)
        self.connections.add(request.transport)
        body = json.loads(await request.read() or b"{}")
        if request.path in ("/api/chat", "/v1/chat/completions"):
            self.asked.append(body)
            act = self.script.pop(0) if len(self.script) > 1 else self.script[0]
            done = act(self, request, body)
            return await done if asyncio.iscoroutine(done) else done
        listed = self._listing(request.path, body)
        return web.json_response(listed or {"error": "no such path"}, status=404 if listed is None else 200)

    def _listing(self, path: str, body: dict[str, Any]) -> dict[str, Any] | None:
        if self.dialect == "ollama":
            match path:
                case "/api/version":
                    return {"version": "0.13.0"}
                case "/api/tags":
                    return {"models": [{"name": name, "digest": f"sha-{name}"} for name in self.models]}
                case "/api/show":
                    return {"capabilities": self.models[body["model"]]}
                case "/api/ps":
                    return {"models": [{"name": name} for name in self._still_running()]}
                case "/api/generate":
                    return {"done_reason": "unload"}
            return None
        if path == "/v1/models":
            can = [
                {"name": n, "capabilities": ["multimodal" if c == "vision" else c for c in cs]}
                for n, cs in self.models.items()
            ]
            return {"data": [{"id": name} for name in self.models], "models": can}
        if path.endswith("/unload"):
            self.let_go.append(body)
            return {"success": True}
        return self._loaded_by_others(path)

    def _loaded_by_others(self, path: str) -> dict[str, Any] | None:
        match self.lists, path:
            case "router", "/models":
                loaded = self._still_running()
                states = {name: "loaded" if name in loaded else "unloaded" for name in self.models}
                return {"data": [{"id": name, "status": {"value": state}} for name, state in states.items()]}
            case "studio", "/api/v1/models":
                loaded = self.instances.pop(0) if len(self.instances) > 1 else self.instances[0]
                if loaded is not None:
                    return {"models": [{"key": MODEL, "loaded_instances": [{"id": each} for each in loaded]}]}
        return None

    def _still_running(self) -> set[str]:
        self.stays -= 1
        if self.stays < 0:
            self.running.clear()
        return self.running


class Waits(list[float]):
    """Takes the place of sleeping: notes how long, and lets others have a turn."""

    async def __call__(self, seconds: float) -> None:
        self.append(seconds)
        await asyncio.sleep(0)


@dataclass
class Now:
    """A clock that goes only when it is told to."""

    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


@contextlib.asynccontextmanager
async def modelled(kind: str, *script: Act, **said: Any):
    """A running fake, and a `ModelServer` of it: `fake.client`, with its `fake.waits` and `fake.now`."""
    beside = {name: said.pop(name) for name in ("models", "running", "stays", "lists", "instances") if name in said}
    fake = FakeModels(kind, list(script), **beside)
    app = web.Application(client_max_size=2**26)
    app.router.add_route("*", "/{path:.*}", fake.handle)
    server = TestServer(app)
    await server.start_server()
    settings = AssistantSettings(**{"url": str(server.make_url("/")).rstrip("/"), "timeout": 240.0} | said)
    fake.url, fake.settings, fake.waits, fake.now = settings.url, settings, Waits(), Now()
    fake.gone = server.close
    fake.client = ModelServer(settings, clock=fake.now, sleep=fake.waits, chance=lambda: 0.5)
    try:
        async with asyncio.timeout(PATIENCE):
            yield fake
    finally:
        fake.over.set()
        await fake.client.close()
        await server.close()

"""Servers that work for each other, in one process and over real sockets; and hosts that say what a test wants."""

import asyncio
import contextlib

import msgspec
from aiohttp import web
from aiohttp.test_utils import TestServer

from imagine.dispatch.limits import Restarts
from imagine.machines.link import LinkLimits
from imagine.machines.opening import opened
from imagine.machines.peer import PeerWorker
from imagine.machines.peer_life import PeerTerms
from imagine.machines.wire import PATH, PROTOCOL, Beat, Devices, Hello, Holdings, from_guest
from imagine.settings.keys import NamedKey, digest_of
from imagine.words.frames import Assembler, Cancel, Ready, encode
from imagine.words.peers import PeerSettings
from tests.server.openai.painting import PaintingWorker
from tests.server.served import PATIENCE, serving

DIGEST = "0" * 64
"""Of the model of `fake_engine.submit`."""


class Absent(PaintingWorker):
    """A server's own worker that never gets ready: whatever is made, others make it."""

    def __init__(self):
        super().__init__()
        self.ready = None


@contextlib.asynccontextmanager
async def peers(folder, *hosts, key="", **said):
    """A server without a device, and the servers that work for it: of each the worker, or what `serving` is told."""
    async with contextlib.AsyncExitStack() as running:
        served = []
        for number, host in enumerate(hosts):
            told = host if isinstance(host, dict) else {"worker": host}
            served.append(await running.enter_async_context(serving(folder / f"host{number}", **told)))
        workers = tuple(PeerSettings(url=address(each), key=key) for each in served)
        said = {"worker": Absent(), "models": ("fox",)} | said
        guest = await running.enter_async_context(serving(folder / "guest", workers=workers, **said))
        yield guest, served


def address(client):
    """Where a server is, as settings name it."""
    return str(client.make_url("")).rstrip("/")


def of_peers(client):
    """The workers of a server that are elsewhere."""
    return [worker for worker in client.gateway.pool.workers if worker.away]


async def until(worker, good):
    """Waits until that is so of a worker, which is told whenever it changes."""
    changed, own = asyncio.Event(), worker._changed
    worker.watch(lambda: (own(), changed.set()))
    async with asyncio.timeout(PATIENCE):
        while not good(worker):
            changed.clear()
            await changed.wait()
    worker.watch(own)


async def at_work(client, files=1):
    """All its peers take jobs, and have said what they have."""
    for worker in of_peers(client):
        await until(worker, lambda one: one.ready is not None and len(one._held) >= files)


class ToldHost:
    """Another server, as far as a socket shows: what it says, and when, is a test's to say."""

    def __init__(self, *said, status=None, greets=True, beats=True):
        self.said = [Hello(protocol=PROTOCOL, server="told"), Devices(ready=(Ready(device="told"),)),
                     Holdings(came=(DIGEST,))] if greets else []  # fmt: skip
        self.said += said
        self.status, self.beats = status, beats
        self.heard = asyncio.Queue()
        self.headers = []
        self.sockets = []

    async def answer(self, request):
        self.headers.append(request.headers)
        if self.status is not None:
            return web.Response(status=self.status, headers={"Location": "/elsewhere"})
        socket = web.WebSocketResponse(max_msg_size=0, timeout=0.1)
        await socket.prepare(request)
        self.sockets.append(socket)
        for frame in self.said:
            await self.say(frame)
        beating = asyncio.create_task(self._beat(socket))
        frames = Assembler()
        async for message in socket:
            for body in frames.feed(message.data):
                self.heard.put_nowait(from_guest(body))
        beating.cancel()
        await asyncio.wait([beating])
        return socket

    async def say(self, frame):
        """A frame, or bytes as they are, cut as one likes."""
        data = frame if isinstance(frame, bytes) else bytes(encode(frame))
        for at in range(0, len(data), 2**19):
            await self.sockets[-1].send_bytes(data[at : at + 2**19])

    async def next(self, kind):
        """What it hears next of that kind."""
        async with asyncio.timeout(PATIENCE):
            while not isinstance(frame := await self.heard.get(), kind):
                assert not isinstance(frame, Cancel), frame
        return frame

    async def _beat(self, socket):
        with contextlib.suppress(ConnectionError):
            while self.beats:
                await socket.send_bytes(bytes(encode(Beat())))
                await asyncio.sleep(0.5)


@contextlib.asynccontextmanager
async def told_by(host, *, look=None, held=3600.0, opening=opened, **limits):
    """A worker that is there; a job may stand still for `held` seconds."""
    app = web.Application()
    app.router.add_get(PATH, host.answer)
    server = TestServer(app)
    await server.start_server()
    seen = asyncio.Queue()

    async def sleep(seconds):
        seen.put_nowait(seconds)
        await asyncio.Event().wait()

    async def size(_, made):
        return (look or (lambda _: (64, 64)))(made)

    terms = PeerTerms("guest", size, opening, LinkLimits(**limits), held=held)
    worker = PeerWorker(
        PeerSettings(url=str(server.make_url("")).rstrip("/"), key="sesame"),
        terms,
        restarts=Restarts(first=0.01, most=0.01),
        sleep=sleep,
    )
    worker.rests = seen
    try:
        await worker.start()
        yield worker
    finally:
        await worker.stop(0)
        for socket in host.sockets:
            await socket.close()
        await server.close()


def changed(frame, **fields):
    return msgspec.structs.replace(frame, **fields)


def keyed(**scopes):
    return tuple(
        NamedKey(name=name, digest=digest_of(f"sk-{name}"), scopes=tuple(scope)) for name, scope in scopes.items()
    )

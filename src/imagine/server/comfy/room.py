"""What this dialect holds between requests: connections, graphs on their way, and pictures that were sent."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

from aiohttp import web

from ...messages import sentence
from ...words.events import Finished
from ..http.encoding import body_from
from ..http.errors import trouble_from
from ..http.security import GUARD, client_of
from ..orders.connection import ORDERS
from ..orders.orders import UnknownOrder
from .kept import KEPT
from .prompts import ComfyPrompt, Prompts, ToldMessage
from .telling import ToldPicture, preview_frame, told_at_end, told_of
from .uploads import Owner, SentName, SentPictures

MOST_SOCKETS = 32
"""Connections of one client: with one more the oldest ends."""
_MOST_WAITING = 512
"""Messages that wait for a client; one that lags further is let go."""
_NEWS_WAITING = 64
"""From here on it isn't told of what a newer message makes up for."""
_MOST_BYTES = 16 * 2**20
"""Of messages that wait for a client, likewise."""
_NEWS = frozenset(["progress", "progress_state", "status"])


class ComfySocket:
    """One connection: what waits to be sent on it."""

    def __init__(self, owner: Owner, sid: str) -> None:
        self.owner, self.sid = owner, sid
        self.with_metadata = False
        """Does it take previews that say whose they are?"""
        self._waiting: asyncio.Queue[str | bytes | None] = asyncio.Queue(_MOST_WAITING)
        """None ends it."""
        self._bytes = 0

    def tell(self, name: str, data: object) -> None:
        """A message."""
        if name not in _NEWS or self._waiting.qsize() < _NEWS_WAITING:
            self._put(body_from({"type": name, "data": data}).decode())

    def show(self, frame: bytes, *, is_news: bool) -> None:
        """A picture."""
        if not is_news or self._waiting.qsize() < _NEWS_WAITING:
            self._put(frame)

    def end(self) -> None:
        """Nothing more comes."""
        while self._waiting.full():
            self._waiting.get_nowait()
        self._waiting.put_nowait(None)

    async def next(self) -> str | bytes | None:
        """What is to be sent, once there is something; None at the end."""
        message = await self._waiting.get()
        self._bytes -= len(message or "")
        return message

    def _put(self, message: str | bytes) -> None:
        if self._waiting.full() or self._bytes + len(message) > _MOST_BYTES:
            self.end()
        else:
            self._bytes += len(message)
            self._waiting.put_nowait(message)


class ComfyRoom:
    """One application's. Used from one event loop."""

    def __init__(self, app: web.Application) -> None:
        self._app = app
        self.prompts = Prompts()
        self.uploads = SentPictures()
        self._sockets: list[ComfySocket] = []
        self._following: set[asyncio.Task[None]] = set()

    @contextlib.contextmanager
    def joined(self, socket: ComfySocket) -> Iterator[None]:
        """A connection is there meanwhile."""
        self._sockets.append(socket)
        own = [each for each in self._sockets if each.owner == socket.owner]
        for old in own[: max(0, len(own) - MOST_SOCKETS)]:
            old.end()
        try:
            yield
        finally:
            self._sockets.remove(socket)

    def status_of(self, owner: Owner) -> dict[str, object]:
        """How much of a client's waits."""
        return {"exec_info": {"queue_remaining": len(self.prompts.open(owner))}}

    def follow(self, prompt: ComfyPrompt) -> None:
        """From now on its client is told of a graph that was taken."""
        self.prompts.add(prompt)
        self._tell_status(prompt.owner)
        task = asyncio.create_task(self._follow(prompt))
        self._following.add(task)
        task.add_done_callback(self._following.discard)

    async def picture(self, owner: Owner, name: SentName) -> tuple[bytes, str] | None:
        """A picture of a client's graphs, and its media type; None where there is none, or none any more."""
        found = (
            (prompt, index)
            for prompt in self.prompts.of(owner)
            for names in prompt.names.values()
            for index, known in names.items()
            if known == name
        )
        prompt, index = next(found, (None, 0))
        if prompt is None:
            return None
        try:
            async with contextlib.aclosing(self._app[ORDERS].events(prompt.order)) as events:
                async for event in events:
                    if event.index == index and isinstance(event.report, Finished):
                        return event.report.data, event.report.media_type
        except UnknownOrder:
            self.prompts.drop(prompt)
        return None

    def known(self, owner: Owner) -> list[ComfyPrompt]:
        """A client's graphs that have ended and whose pictures are still here."""
        orders, ended = self._app[ORDERS], [each for each in self.prompts.of(owner) if each.state != "open"]
        for prompt in ended:
            if orders.find(prompt.order) is None:
                self.prompts.drop(prompt)
        return [prompt for prompt in ended if prompt.id in self.prompts]

    async def close(self) -> None:
        """The server stops."""
        for socket in self._sockets:
            socket.end()
        for task in self._following:
            task.cancel()
        if self._following:
            await asyncio.wait(self._following)

    async def _follow(self, prompt: ComfyPrompt) -> None:
        failure, why = None, ""
        try:
            async with contextlib.aclosing(self._app[ORDERS].events(prompt.order)) as events:
                async for event in events:
                    for told in told_of(prompt, event, self.prompts):
                        self._tell(prompt, told)
        except Exception as error:  # noqa: BLE001 - what it failed with is what its client is told
            failure, why = error, sentence(trouble_from(error).note)
        for message in told_at_end(prompt, failure, why):
            self._tell(prompt, message)
        self._tell_status(prompt.owner)
        self._tell(prompt, ("executing", {"node": None, "prompt_id": prompt.id}))

    def _tell(self, prompt: ComfyPrompt, told: ToldMessage | ToldPicture) -> None:
        first, second = told
        frames: dict[bool, bytes] = {}
        for socket in self._sockets:
            if (socket.owner, socket.sid) != (prompt.owner, prompt.sid):
                continue
            if isinstance(first, str):
                socket.tell(first, second)
                continue
            way = socket.with_metadata
            if way not in frames:  # one, whoever sees it
                frames[way] = preview_frame(prompt, first, str(second), with_metadata=way)
            socket.show(frames[way], is_news=prompt.at not in {node.id for node in prompt.outline.shown})

    def _tell_status(self, owner: Owner) -> None:
        for socket in self._sockets:
            if socket.owner == owner:
                socket.tell("status", {"status": self.status_of(owner)})


def room_of(request: web.Request) -> ComfyRoom:
    """That of the application, made with the first request."""
    kept = request.app[KEPT]
    if kept.room is None:
        kept.room = ComfyRoom(request.app)
    return kept.room


def owner_of(request: web.Request) -> Owner:
    """Whose a request is: its address, with its key."""
    return client_of(request), request.app[GUARD].key_of(request)

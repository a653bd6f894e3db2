"""What a connection may do before and after a request: how many there are, how long a head and an answer may take.

What can't be read as HTTP is answered in the shape of every other refusal.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong
from aiohttp.http_parser import RawRequestMessage

from .errors import SAFE, note_of, refusal, response_from_http
from .keys import REQUEST_ID

MOST = 2048
"""Connections at one time, where the system allows so many files."""
SHARE = 0.25
"""How much of them one other machine may hold."""
HEAD_DEADLINE = 20.0
"""Seconds for the head of a request to arrive, from its first byte on."""
ANSWER_DEADLINE = 600.0
"""Seconds for an answer to be taken; a stream's lines have their own."""
IDLE = 75.0
"""Seconds for which a connection may wait for its next request; longer than proxies keep one, which reuse it."""
_SPARE_FILES = 128
_FULL_BODY = b'{"error":"too many connections at once; try again in 5 s"}'
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 5\r\nConnection: close\r\n"
    b"X-Content-Type-Options: nosniff\r\nContent-Length: %d\r\n\r\n%s"
) % (len(_FULL_BODY), _FULL_BODY)


class Connection(web.RequestHandler):
    """One connection, bounded."""

    def __init__(self, connections: Connections, **options: Any) -> None:
        super().__init__(connections, **options)
        self._connections = connections
        self._late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody connected: served, or told to come again."""
        super().connection_made(transport)
        if not self._connections.admits(self.peer):
            assert isinstance(transport, asyncio.WriteTransport)
            transport.write(_FULL)
            self.force_close()

    def connection_lost(self, exc: BaseException | None) -> None:
        """It is over."""
        self._in_time()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Part of a request came; if it is part of a head, the rest has to follow."""
        super().data_received(data)
        self._tell_reader()
        if self._waiter is None or self._waiter.done():  # a request is at hand
            self._in_time()
        elif self._late is None and data:
            self._late = asyncio.get_running_loop().call_later(self._connections.head_deadline, self.force_close)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Sends an answer, to whom takes it in time; what aiohttp raised by itself in our shape."""
        if isinstance(resp, web.HTTPException):
            resp = response_from_http(resp)
        if not resp.prepared:
            resp.headers.update(SAFE)
        try:
            async with asyncio.timeout(ANSWER_DEADLINE):
                return await super().finish_response(request, resp, start_time)
        except TimeoutError:
            if self.transport is not None:
                self.transport.abort()  # closing would wait for what nobody takes
            return resp, True

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - aiohttp's signature
    ) -> web.StreamResponse:
        """What was sent is no HTTP, or an answer failed beyond our own border: one sentence, and the end."""
        if request.writer.output_size > 0:
            raise ConnectionError("a part of the answer is sent already")
        answer = _answer(status, exc)
        answer.force_close()
        return answer

    @property
    def peer(self) -> str | None:
        """Another machine's address; None for this one."""
        name = self.peername
        host = str(name[0]) if isinstance(name, tuple) else None
        return None if host is None or host.startswith("127.") or host in ("::1", "::ffff:127.0.0.1") else host

    def _tell_reader(self) -> None:
        """Where the rest of a body can't be read, says so to who reads it: aiohttp lets him wait."""
        reading = self._current_request
        if reading is not None and self._messages and not isinstance(self._messages[-1][0], RawRequestMessage):
            reading.content.set_exception(web.RequestPayloadError("what follows is not a chunk"))

    def _in_time(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


class Connections(web.Server):
    """All connections of one server."""

    def __init__(self, *arguments: Any, most: int = MOST, head_deadline: float = HEAD_DEADLINE, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.head_deadline = head_deadline
        self._most = most

    def admits(self, newest: str | None) -> bool:
        """May the newest connection stay? It is counted already."""
        if len(self._connections) > self._most:
            return False
        if newest is None:
            return True
        return self._held()[newest] <= max(1, int(self._most * SHARE))

    def __call__(self) -> Connection:
        """A connection's protocol."""
        return Connection(self, loop=self._loop, **self._kwargs)

    def _held(self) -> Counter[str | None]:
        return Counter(each.peer for each in self._connections if isinstance(each, Connection))


class Runner(web.AppRunner):
    """Runs an application over these connections."""

    async def _make_server(self) -> web.Server:
        plain = await super()._make_server()
        return Connections(
            plain.request_handler,
            request_factory=plain.request_factory,
            **({"most": connections_allowed(), "keepalive_timeout": IDLE} | self._kwargs),
        )


def connections_allowed() -> int:
    """As many as the system gives this process files for, once it was asked for enough."""
    if sys.platform == "win32":
        return MOST
    import resource

    wanted = MOST + _SPARE_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return MOST if soft == resource.RLIM_INFINITY else max(1, min(MOST, soft - _SPARE_FILES))


def _answer(status: int, error: BaseException | None) -> web.Response:
    """The answer to `error`, which nobody else answered."""
    if isinstance(error, LineTooLong):
        return refusal(431, "the path or a header is too long; at most 8190 bytes are taken")
    if isinstance(error, HttpProcessingError):
        why = error.message.splitlines()[0].rstrip(":.")
        why = why[:1].lower() + why[1:]
        return refusal(status, f"the request can't be read as HTTP: {why}")
    if status == 400:
        return refusal(status, "the request can't be read as HTTP")
    return refusal(status, note_of(error or TimeoutError(), REQUEST_ID.get()))

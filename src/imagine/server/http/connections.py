"""What a connection may do before and after a request: how many there are, how long a head and an answer may take.

Who would only be told that this server isn't for him has places of his own, few and for a few seconds, and takes none
of the others'. Some of these are kept for this machine.

What can't be read as HTTP is answered in the shape of every other refusal.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from functools import cached_property
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError, InvalidURLError, LineTooLong
from aiohttp.http_parser import RawRequestMessage

from ...fairness.clients import address_of, client_from_address
from ...messages import message
from .context import REQUEST_ID
from .dialect import answer_to
from .encoding import body_from
from .errors import SAFE, native_answer, native_error, note_of, refusal, trouble_from
from .file_limit import connections_allowed
from .security import GUARD

MOST = 2048
"""Connections at one time, where the system allows so many files."""
SHARE = 0.25
"""How much of them one other machine may hold."""
_OTHERS = 0.875
"""How much of them all other machines may hold: the rest is kept for this one."""
STRANGERS = 32
"""Connections beside these, of those who will only be told that they aren't served."""
_OF_ONE_STRANGER = 4
_STRANGERS_TIME = 5.0
"""Seconds in which such a one has to ask."""
HEAD_DEADLINE = 20.0
"""Seconds for the head of a request to arrive, from its first byte on."""
ANSWER_DEADLINE = 600.0
"""Seconds for an answer to be taken; a stream's lines have their own."""
IDLE = 75.0
"""Seconds for which a connection may wait for its next request; longer than proxies keep one, which reuse it."""
_FULL_BODY = body_from(native_error(message("busy.connections", seconds=5)))
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
        self._place: Counter[str] | None = None
        """Where it is counted, while it is."""
        self._overdue: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody connected: served, told to come again, or not even told."""
        super().connection_made(transport)
        assert isinstance(transport, asyncio.WriteTransport)
        if not self._connections.knows(self.host):
            self._place = self._connections.strangers
            if not self._connections.tolerates(self.client):
                transport.abort()
            self._overdue = asyncio.get_running_loop().call_later(_STRANGERS_TIME, self.force_close)
        elif self._connections.admits(self.client):
            self._place = self._connections.held
        else:
            transport.write(_FULL)
            self.force_close()
        if self._place is not None:
            self._place[self.client] += 1

    def connection_lost(self, exc: BaseException | None) -> None:
        """It is over."""
        self._in_time()
        if self._place is not None:
            self._place -= Counter({self.client: 1})
        if self._overdue is not None:
            self._overdue.cancel()
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
            trouble = trouble_from(resp)
            resp = answer_to(request, trouble) if isinstance(request, web.Request) else native_answer(trouble)
        if not resp.prepared:
            resp.headers.update(SAFE)
        if self._overdue is not None:
            resp.force_close()
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
    def host(self) -> str:
        """The address at its other end; "" over a Unix socket."""
        return str(self.peername[0]) if isinstance(self.peername, tuple) else ""

    @cached_property
    def client(self) -> str:
        """Whom it counts for: another machine, or its network; "" for this one."""
        address = address_of(self.host)
        return "" if address is None or address.is_loopback else client_from_address(self.host)

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

    def __init__(
        self, *arguments: Any, most: int = MOST, head_deadline: float = HEAD_DEADLINE,
        knows: Callable[[str], bool] = lambda _: True, **options: Any,
    ) -> None:  # fmt: skip
        """`knows` says whether anything that an address asks could be answered."""
        super().__init__(*arguments, **options)
        self.head_deadline = head_deadline
        self.knows = knows
        self._most = most
        self.held: Counter[str] = Counter()
        """By client; of this machine under ""."""
        self.strangers: Counter[str] = Counter()

    def admits(self, client: str) -> bool:
        """May one more stay, of somebody who is known?"""
        total = self.held.total()
        if client == "":
            return total < self._most
        others = total - self.held[""]
        one = max(1, int(self._most * SHARE))
        return total < self._most and others < max(1, int(self._most * _OTHERS)) and self.held[client] < one

    def tolerates(self, client: str) -> bool:
        """May a stranger stay, to be told what to do?"""
        return self.strangers.total() < STRANGERS and self.strangers[client] < _OF_ONE_STRANGER

    def __call__(self) -> Connection:
        """A connection's protocol."""
        return Connection(self, loop=self._loop, **self._kwargs)


class Runner(web.AppRunner):
    """Runs an application over these connections."""

    async def _make_server(self) -> web.Server:
        plain = await super()._make_server()
        return Connections(
            plain.request_handler,
            request_factory=plain.request_factory,
            **(self._bounds() | self._kwargs),
        )

    def _bounds(self) -> dict[str, Any]:
        known = self.app[GUARD].may_answer
        return {"most": connections_allowed(MOST), "keepalive_timeout": IDLE, "knows": known}


def _answer(status: int, error: BaseException | None) -> web.Response:
    """The answer to `error`, which nobody else answered."""
    if isinstance(error, LineTooLong):
        return refusal(431, message("http.head", most=8190))
    if isinstance(error, InvalidURLError):  # its message is the URL
        return refusal(status, message("http.url"))
    if isinstance(error, HttpProcessingError):
        why = error.message.splitlines()[0].rstrip(":.")
        why = why[:1].lower() + why[1:]
        return refusal(status, message("http.unread", why=why))
    if status == 400:
        return refusal(status, message("http.garbled"))
    return refusal(status, note_of(error or TimeoutError(), REQUEST_ID.get()))

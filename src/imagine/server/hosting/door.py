"""`GET /worker`: another server asks this one to work for it. Imported once one does."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator

from aiohttp import web

from ...machines.inventory import Inventory
from ...machines.wire import MAX_MESSAGE
from ...messages import message
from ..gateway.gateway import Gateway
from ..gateway.keys import GATEWAY
from ..http.security import GUARD, Refused, client_of
from ..orders.connection import ORDERS, asked_as
from .admission import GuestServer
from .kept import HOSTING
from .session import HostSession

_log = logging.getLogger("imagine.hosting")
_MOST, _MOST_OF_ONE = 32, 8
"""Connections at a time, and those of one key or address: none keeps the others out."""
_AGAIN = 10.0
"""Seconds between two looks at what there is here."""
_FAREWELL = 1.0


class HostRoom:
    """Those whom one gateway works for, and what it tells all of them to have. Used from one event loop."""

    def __init__(self, gateway: Gateway) -> None:
        self.inventory = Inventory(gateway.registry)
        self._looking: asyncio.Task[None] | None = None
        self._guests: dict[web.WebSocketResponse, HostSession] = {}
        self._is_closed = False

    @contextlib.contextmanager
    def joined(self, socket: web.WebSocketResponse, session: HostSession) -> Iterator[None]:
        """Looks at what there is here for as long as somebody wants to know. Raises Refused for one too many."""
        of_one = sum(1 for other in self._guests.values() if other.guest.name == session.guest.name)
        for there, most in ((len(self._guests), _MOST), (of_one, _MOST_OF_ONE)):
            if there >= most:
                raise Refused(503, message("peer.crowd", most=most))
        self._guests[socket] = session
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())
        try:
            yield
        finally:
            del self._guests[socket]

    async def close(self) -> None:
        """Lets all of them go."""
        self._is_closed = True
        if self._looking is not None:
            self._looking.cancel()
        await asyncio.gather(*(socket.close() for socket in list(self._guests)))

    def _wake(self) -> None:
        for session in self._guests.values():
            session.wake()

    async def _look(self) -> None:
        """While anybody is here. One look is on its way at most, however they come and go: a thread can't be called
        back, and reads every file that is new."""
        loop = asyncio.get_running_loop()

        def told() -> None:
            if self._is_closed:
                raise InterruptedError
            loop.call_soon_threadsafe(self._wake)

        try:
            while self._guests:
                try:
                    await asyncio.to_thread(self.inventory.look, told)
                except OSError as error:
                    _log.warning("the folders of models can't be read: %s", error)
                self._wake()
                await asyncio.sleep(_AGAIN)
        finally:
            self._looking = None


async def work(request: web.Request) -> web.WebSocketResponse:
    """Works for whoever has a key for that, until one of both ends goes."""
    if "Origin" in request.headers:
        raise Refused(403, message("guard.origin"))
    guard, room = request.app[GUARD], _room_of(request)

    def who() -> GuestServer:
        guard.check(request)
        return GuestServer(client_of(request), asked_as(request, "high"), guard.named(request))

    response = web.WebSocketResponse(max_msg_size=MAX_MESSAGE, compress=False, timeout=_FAREWELL)
    session = HostSession(request.app[GATEWAY], request.app[ORDERS].quotas, room.inventory, who)
    with room.joined(response, session):
        await response.prepare(request)
        _log.info("works for %s", session.guest.name)
        why = await session.serve(response)
        _log.info("works for %s no more: it %s", session.guest.name, why)
        await response.close()
    return response


def _room_of(request: web.Request) -> HostRoom:
    kept = request.app[HOSTING]
    kept.room = kept.room or HostRoom(request.app[GATEWAY])
    return kept.room

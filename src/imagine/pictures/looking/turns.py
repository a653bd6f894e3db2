"""Who goes next where only one can: clients in turn, and of one client's wishes the oldest."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager


class Turns:
    """One at a time; for one event loop."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self._taken = False
        self._last = ""

    @asynccontextmanager
    async def turn(self, client: str) -> AsyncGenerator[None]:
        """Waits for the turn of `client`, and ends it when left. A newcomer is next, however many another waits for."""
        if self._taken:
            await self._wait(client)
        self._taken, self._last = True, client
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self, client: str) -> None:
        mine = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(client, deque()).append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if not mine.cancelled():  # it was given just now, and nobody takes it
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        while self._waiting:
            client = next((name for name in self._waiting if name != self._last), self._last)
            theirs = self._waiting.pop(client)
            first = theirs.popleft()
            if theirs:
                self._waiting[client] = theirs  # behind the others
            if not first.done():
                first.set_result(None)
                return
        self._taken = False

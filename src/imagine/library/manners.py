"""How sites are asked: how long one goes on where they don't answer as they should, and in how many stretches."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeVar

from .trouble import DownloadFailed, Interrupted

T = TypeVar("T")


class Persistence(NamedTuple):
    """Times are in seconds."""

    tries: int = 6
    """In a row, without a byte of progress."""
    first: float = 1.0
    """The pause before the second; each is twice the one before."""
    most: float = 30.0
    longest: float = 300.0
    """What a site may say to wait for."""
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def after(self, trouble: Interrupted, tried: int) -> None:
        """Waits before the next try; `tried` counts those that came to nothing. Raises DownloadFailed for enough."""
        if tried >= self.tries or (trouble.wait or 0.0) > self.longest:
            raise DownloadFailed(trouble.note) from trouble
        wait = min(self.first * 2 ** (tried - 1), self.most) * random.uniform(0.75, 1.0)  # noqa: S311 - not together
        await self.pause(wait if trouble.wait is None else trouble.wait)

    async def ask(self, work: Callable[[], Awaitable[T]]) -> T:
        """What `work` returns, once it isn't interrupted. Raises DownloadFailed."""
        tried = 0
        while True:
            try:
                return await work()
            except Interrupted as trouble:
                tried += 1
                await self.after(trouble, tried)


class Cutting(NamedTuple):
    """Into how many stretches a file is cut."""

    most: int = 4
    least: int = 256 * 2**20
    """Bytes of each."""


class Manners(NamedTuple):
    """All of it."""

    persistence: Persistence = Persistence()
    cutting: Cutting = Cutting()
    stall: float = 30.0
    """Seconds without a byte after which a connection is given up."""


MANNERS = Manners()

"""What has happened to one job and was not read yet: bounded, and never without its end."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from itertools import islice

from ..words.events import Loading, Preview, Progress, Queued
from ..words.frames import JobReport, ends

_MOST_EVENTS = 256
_MOST_BYTES = 4 * 2**20


class Buffer:
    """A queue for one slow reader.

    Beyond `most` events, or `most_bytes` of previews, the oldest of what a newer one makes up for is dropped:
    previews, progress, loading and queue positions. `Finished` and `Failed` never are. Nothing follows the end.
    """

    def __init__(self, most: int = _MOST_EVENTS, most_bytes: int = _MOST_BYTES) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._events: deque[JobReport] = deque()
        self._bytes = 0
        self._news = asyncio.Event()
        self.ended = False

    def put(self, event: JobReport) -> None:
        """Adds what happened; ignored after the end."""
        if self.ended:
            return
        self.ended = ends(event)
        self._events.append(event)
        self._bytes += _weight(event)
        if isinstance(event, Queued):
            self._drop_oldest(Queued)
        if isinstance(event, Preview):
            while self._bytes > self._most_bytes and self._drop_oldest(Preview):
                continue
        while len(self._events) > self._most and self._drop_oldest(Preview, Progress, Loading, Queued):
            continue
        self._news.set()

    async def get(self) -> JobReport | None:
        """The oldest event; waits for it. None after the end."""
        while not self._events:
            if self.ended:
                return None
            self._news.clear()
            await self._news.wait()
        event = self._events.popleft()
        self._bytes -= _weight(event)
        return event

    def _drop_oldest(self, *kinds: type[JobReport]) -> bool:
        """Drops the oldest event of `kinds`, the newest event excepted; False if there is none."""
        for place, old in enumerate(islice(self._events, len(self._events) - 1)):
            if isinstance(old, kinds):
                del self._events[place]
                self._bytes -= _weight(old)
                return True
        return False


class EventStream:
    """The reader's side of a Buffer. Whoever leaves early (closes, is cancelled, forgets it) abandons the job."""

    def __init__(self, buffer: Buffer, abandon: Callable[[], None]) -> None:
        self._buffer = buffer
        self._abandon = abandon
        self._loop = asyncio.get_running_loop()

    def __aiter__(self) -> EventStream:
        return self

    async def __anext__(self) -> JobReport:
        try:
            event = await self._buffer.get()
        except asyncio.CancelledError:
            self._leave()
            raise
        if event is None:
            raise StopAsyncIteration
        return event

    async def aclose(self) -> None:
        """Cancels the job unless it has ended."""
        self._leave()

    def __del__(self) -> None:
        # The collector may run on any thread, and after the loop.
        if not self._buffer.ended and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._abandon)

    def _leave(self) -> None:
        if not self._buffer.ended:
            self._abandon()


def _weight(event: JobReport) -> int:
    return len(event.data) if isinstance(event, Preview) else 0

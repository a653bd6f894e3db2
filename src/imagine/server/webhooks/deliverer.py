"""Sends what the book says is to be told, until it is taken, given up, or its order has expired.

Each message is sent at least once: what was sent amid a kill is sent again, under the same id. Nothing waits for it.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping

from ...messages import Message, message
from ...settings.settings import Settings
from ...settings.webhooks import target_from
from ...words.errors import ImagineError
from ..lasting.book import LastingBook
from ..lasting.deliveries import DueDelivery
from ..lasting.rows import Happened, OrderRow
from .sending import NotTaken, Sender
from .signature import signed_headers

_log = logging.getLogger("imagine.webhooks")
BodyMaker = Callable[[OrderRow, Happened], bytes]
"""What is told of one event of an order."""
RETRIES = tuple(5.0 * 4**k for k in range(8))
"""Seconds between attempts, a quarter more or less: 5 s to 22 h, the last some 30 hours after the first."""
AT_ONCE, OF_ONE_SERVER = 16, 4
"""Messages on their way: one that is slow holds up its own."""
_UNREADABLE = 30.0
"""Seconds after which to look again where the book can't be used."""


class Deliverer:
    """Runs beside the server once an order has a webhook. Used from one event loop; `wall` is in Unix seconds."""

    def __init__(
        self, settings: Callable[[], Settings], book: LastingBook, bodies: Mapping[str, BodyMaker], sender: Sender,
        wall: Callable[[], float] = time.time, chance: Callable[[], float] = random.random,
    ) -> None:  # fmt: skip
        self._settings, self._book, self._bodies, self._sender = settings, book, bodies, sender
        self._wall, self._chance = wall, chance
        self.news = asyncio.Event()
        """Something happened to an order, or to a message."""
        self._sending: dict[int, str] = {}
        """By their orders' numbers: to which server."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._said = ""
        """Why messages wait, as it was last logged."""

    async def run(self) -> None:
        """For ever; cancelled, it gives up what is on its way."""
        try:
            while True:
                self.news.clear()
                rest = await self._round()
                try:
                    async with asyncio.timeout(rest):
                        await self.news.wait()
                except TimeoutError:
                    continue
        finally:
            for task in self._tasks:
                task.cancel()
            await self._sender.close()

    async def _round(self) -> float | None:
        """Begins what is due; the seconds until more is, None where nothing waits."""
        now = self._wall()  # one moment for both questions: what comes due between them would be in neither answer
        try:
            while len(self._sending) < AT_ONCE and (one := await self._next(now)) is not None:
                self._sending[one.number] = one.origin
                self._tasks.add(task := asyncio.create_task(self._deliver(one)))
                task.add_done_callback(self._tasks.discard)
            later = await self._book.deliveries.later(now)
        except ImagineError as error:
            if str(error) != self._said:
                self._said = str(error)
                _log.error("webhooks wait: %s", error)
            return _UNREADABLE
        self._said = ""
        return None if later is None else max(0.0, later - self._wall())

    async def _next(self, now: float) -> DueDelivery | None:
        full = [origin for origin, count in Counter(self._sending.values()).items() if count >= OF_ONE_SERVER]
        return await self._book.deliveries.next(now, self._sending, full)

    async def _deliver(self, one: DueDelivery) -> None:
        """One attempt, and what it came to written down."""
        try:
            await self._attempt(one)
        except ImagineError as error:
            _log.error("what became of a webhook can't be written down: %s", error)
            await asyncio.sleep(_UNREADABLE)
        finally:
            del self._sending[one.number]
            self.news.set()

    async def _attempt(self, one: DueDelivery) -> None:
        try:
            await self._send(one)
        except NotTaken as failed:
            await self._note(one, failed)
        except ImagineError:
            raise
        except Exception:  # noqa: BLE001 - the border: what fails at once each time must not be tried without a rest
            _log.exception("order %s: its webhook's message can't be made", one.order)
            await self._note(one, NotTaken(message("webhook.broken")))
        else:
            await self._book.deliveries.note(one, "delivered", None, self._wall(), None)

    async def _note(self, one: DueDelivery, failed: NotTaken) -> None:
        """That an attempt came to nothing, and when there is another."""
        attempts, now = one.delivery.attempts, self._wall()
        _log.info("order %s: a webhook to %s, attempt %d: %s", one.order, one.origin, attempts + 1, failed)
        if failed.final:
            await self._book.deliveries.note(one, "stopped", failed.note, now, None)
            await self._book.deliveries.stop(one.number)
        elif attempts < len(RETRIES):
            due = now + RETRIES[attempts] * (0.75 + self._chance() / 2)
            await self._book.deliveries.note(one, "waiting", failed.note, now, due)
        else:
            await self._book.deliveries.note(one, "failed", failed.note, now, None)

    async def _send(self, one: DueDelivery) -> None:
        """Raises NotTaken; of what the owner allows no more, too."""
        settings, target, happened = self._settings(), target_from(one.url), one.delivery.happened
        if (webhooks := settings.webhooks) is None or not webhooks.allows(target):
            raise NotTaken(message("webhook.elsewhere", "webhook"))
        if settings.offline and not target.is_local:
            raise NotTaken(message("webhook.offline", "webhook"))
        row = await self._book.get(one.order)
        if row is None or row.called is None or (make := self._bodies.get(row.called.webhook.shape)) is None:
            raise NotTaken(_nothing(), final=True)
        body = make(row, happened)
        name = f"msg_{one.order}_{happened.event}" + (f"_{happened.place}" if happened.place >= 0 else "")
        headers = signed_headers(name, int(self._wall()), body, webhooks.secrets)
        await self._sender.send(one.url, headers, body)


def _nothing() -> Message:
    return message("job.expired")

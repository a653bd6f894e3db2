"""What makes the orders that stand in the book: each is begun once there is room, and goes once it has expired."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable

import msgspec

from ...messages import message
from ...words.errors import Busy, ImagineError
from ...words.events import Failed
from ...words.frames import Submit
from ..gateway.gateway import Gateway
from ..lasting.book import OPEN, Next
from ..lasting.rows import OrderRow, unpacked
from .lasting import Gone, LastingOrders
from .order import Order, OrderedPicture
from .orders import Orders
from .restamp import restamped

_log = logging.getLogger("imagine.jobs")
IN_HAND = 64
"""Pictures of orders from the book that are in the pool's queue or made: enough for `_FED` workers never to be idle."""
_FED = 8
_AGAIN, _UNREADABLE = 2.0, 30.0
"""Seconds after which to look again where there was no room, and where the book can't be used, as another's."""
_LONGEST = 3600.0
"""Seconds between two looks at what has expired, at most."""


class Feeder:
    """Runs beside the server from the first use of the book on. Used from one event loop."""

    def __init__(
        self, gateway: Gateway, orders: Orders, lasting: LastingOrders, wall: Callable[[], float] = time.time
    ) -> None:
        self._gateway, self._orders, self._lasting, self._wall = gateway, orders, lasting, wall
        self._tasks: list[asyncio.Task[None]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._said = ""
        """Why orders wait, as it was last logged."""
        lasting.begin = self._begin

    async def stop(self) -> None:
        """Nothing more is begun."""
        if self._timer is not None:
            self._timer.cancel()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _begin(self) -> None:
        self._tasks = [asyncio.create_task(work()) for work in (self._feed, self._sweep)]

    async def _feed(self) -> None:
        """Begins what waits, whenever something has changed; for ever."""
        changed = self._lasting.changed
        while True:
            changed.clear()
            try:
                while not self._is_full() and (upcoming := await self._next()) is not None:
                    if not await self._take_up(upcoming):
                        self._look_again(_AGAIN)
                        break
                self._said = ""
            except ImagineError as error:
                if str(error) != self._said:
                    self._said = str(error)
                    _log.error("orders wait: %s", error)
                self._look_again(_UNREADABLE)
            await changed.wait()

    def _look_again(self, seconds: float) -> None:
        """In so many seconds, whatever happens; but once."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._lasting.changed.set)

    def _is_full(self) -> bool:
        if self._gateway.stopping:
            return True
        if all(worker.broken for worker in self._gateway.pool.workers):
            self._look_again(_AGAIN)
            return True
        return sum(len(order.open) for order in self._lasting.in_hand.values()) >= self._most_in_hand

    @property
    def _most_in_hand(self) -> float:
        """As many more as there are more workers, and no more than half of a queue, where others wait, too."""
        by_workers = IN_HAND * max(1.0, len(self._gateway.pool.ready) / _FED)
        return min(by_workers, max(IN_HAND, self._gateway.settings.max_queue / 2))

    async def _next(self) -> Next | None:
        return await self._lasting.book.next(self._lasting.owners_in_hand)

    async def _take_up(self, upcoming: Next) -> bool:
        """Begins an order, whose jobs get names of their own each time; False where there is no room for it now."""
        try:
            row, plan = await self._lasting.book.get(upcoming.id), await self._lasting.book.plan(upcoming.number)
            if row is None or row.state != OPEN:
                return True
            if plan is None:
                raise KeyError("plan")  # noqa: TRY301 - as any other that isn't there
            order = self._lasting.known(row)
            jobs = await self._gateway.apart(lambda: unpacked(plan.jobs, plan.inputs))
            jobs = await restamped(self._gateway, jobs)
            await self._lasting.catch_up(order, row)
        except (msgspec.MsgspecError, KeyError, Gone) as error:
            _log.error("order %s can't be made: %s", upcoming.id, error)
            await self._give_up(upcoming, ImagineError(message("job.unreadable")))
            return True
        todo = {
            index: msgspec.structs.replace(job, job=secrets.token_urlsafe(16), priority=row.priority, turn=row.turn)
            for index, job in enumerate(jobs)
            if index not in row.pictures
        }
        return await self._hand_over(order, row, todo, sum(map(len, plan.inputs.values())))

    async def _hand_over(self, order: Order, row: OrderRow, todo: dict[int, Submit], size: int) -> bool:
        if order.state != "open":  # taken back just now
            return True
        for index, job in todo.items():
            order.pictures[index] = OrderedPicture(job.job, job.params)
        try:
            order.holding.hold(size)
        except Busy:
            return False
        self._lasting.in_hand[row.number] = order
        try:
            await self._orders.begin(order, todo)
        except Busy as error:
            order.holding.hold(0)
            del self._lasting.in_hand[row.number]
            if self._gateway.stopping or self._gateway.pool.jobs or self._lasting.in_hand:
                return False
            await self._give_up(Next(row.id, row.number, row.owner), error)  # there will never be more room than now
        return True

    async def _give_up(self, upcoming: Next, error: ImagineError) -> None:
        failed = Failed(job=upcoming.id, error=type(error).__name__, message=error.note)
        await self._lasting.give_up(upcoming.number, upcoming.id, failed)

    async def _sweep(self) -> None:
        """Forgets what has expired, when it does; and at first the files that no order knows of; for ever."""
        lasting, pictures = self._lasting, self._lasting.pictures
        try:
            known = await lasting.book.names()
            await asyncio.to_thread(pictures.forget_others, known)
        except (ImagineError, OSError, msgspec.MsgspecError) as error:
            _log.warning("pictures that no order has can't be removed: %s", error)
        while True:
            rest = _LONGEST
            try:
                keep = self._gateway.settings.keep_orders
                for name in await lasting.book.forget_old(self._wall(), keep):
                    await asyncio.to_thread(pictures.remove, name)
                due = await lasting.book.due()
                soonest = keep if due is None else due - self._wall()  # what ends from now on is kept for as long
                rest = _LONGEST if soonest < 0 and due is None else min(_LONGEST, max(1.0, soonest))
            except (ImagineError, OSError, msgspec.MsgspecError) as error:
                _log.warning("what has expired can't be forgotten: %s", error)
            await asyncio.sleep(rest)

"""The way to orders that last: what keeps and makes them is imported with the first, or with a book from before."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ...words.errors import ImagineError
from ..gateway.gateway import Gateway
from .orders import Orders

if TYPE_CHECKING:
    from ..webhooks.deliverer import BodyMaker, Deliverer
    from .feeding import Feeder
    from .lasting import LastingOrders


class LastingDoor:
    """One gateway's. Used from one event loop."""

    def __init__(self, gateway: Gateway, orders: Orders, bodies: Mapping[str, BodyMaker]) -> None:
        self._gateway, self._orders, self._bodies = gateway, orders, bodies
        self._book = gateway.settings.home / "orders" / "orders.sqlite"
        self.opened: LastingOrders | None = None
        """What lies behind it, once it was needed."""
        self._feeder: Feeder | None = None
        self._asking: asyncio.Task[None] | None = None
        self._calling: asyncio.Task[None] | None = None
        """What sends messages to webhooks, and what asks at the start whether there are any."""

    def open(self) -> LastingOrders:
        """What lies behind it, from now on."""
        if self.opened is None:
            from .feeding import Feeder
            from .lasting import LastingOrders

            self.opened = LastingOrders(self._gateway, self._orders, self._book)
            self._feeder = Feeder(self._gateway, self._orders, self.opened)
            self.opened.call = self._call
        return self.opened

    def if_any(self) -> LastingOrders | None:
        """What lies behind it, unless no order has ever lasted here."""
        return self.open() if self.opened is not None or self._book.exists() else None

    def start(self) -> None:
        """Where there is a book from before, what waits in it goes on."""
        if (lasting := self.if_any()) is not None:
            lasting.start()
            self._asking = asyncio.create_task(self._call_if_any(lasting))

    def _call(self) -> None:
        """From now on messages are sent."""
        if self._calling is None or self._calling.done():
            self._calling = asyncio.create_task(self._deliverer().run())

    async def _call_if_any(self, lasting: LastingOrders) -> None:
        """As `_call`, where there is somebody to be told; of a book that can't be read yet, it is found out then."""
        try:
            are_any = await lasting.book.deliveries.any()
        except ImagineError:
            are_any = True
        if are_any:
            self._call()

    def _deliverer(self) -> Deliverer:
        from ..webhooks.deliverer import Deliverer
        from ..webhooks.sending import Sender

        lasting = self.open()
        deliverer = Deliverer(lambda: self._gateway.settings, lasting.book, self._bodies, Sender())
        lasting.happened = deliverer.news.set
        return deliverer

    def say_goodbye(self) -> None:
        """Whoever waits for what isn't begun is told that the server stops."""
        if self.opened is not None:
            self.opened.say_goodbye()

    async def close(self) -> None:
        """Nothing more is begun; what waits in the book waits for the next start."""
        tasks = {task for task in (self._asking, self._calling) if task is not None}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if self._feeder is not None:
            await self._feeder.stop()
        if self.opened is not None:
            await self.opened.close()

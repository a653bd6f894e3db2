"""The way to orders that last: what keeps and makes them is imported with the first, or with a book from before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..gateway.gateway import Gateway
from .orders import Orders

if TYPE_CHECKING:
    from .feeding import Feeder
    from .lasting import LastingOrders


class LastingDoor:
    """One gateway's. Used from one event loop."""

    def __init__(self, gateway: Gateway, orders: Orders) -> None:
        self._gateway, self._orders = gateway, orders
        self._book = gateway.settings.home / "orders" / "orders.sqlite"
        self.opened: LastingOrders | None = None
        """What lies behind it, once it was needed."""
        self._feeder: Feeder | None = None

    def open(self) -> LastingOrders:
        """What lies behind it, from now on."""
        if self.opened is None:
            from .feeding import Feeder
            from .lasting import LastingOrders

            self.opened = LastingOrders(self._gateway, self._orders, self._book)
            self._feeder = Feeder(self._gateway, self._orders, self.opened)
        return self.opened

    def if_any(self) -> LastingOrders | None:
        """What lies behind it, unless no order has ever lasted here."""
        return self.open() if self.opened is not None or self._book.exists() else None

    def start(self) -> None:
        """Where there is a book from before, what waits in it goes on."""
        if (lasting := self.if_any()) is not None:
            lasting.start()

    def say_goodbye(self) -> None:
        """Whoever waits for what isn't begun is told that the server stops."""
        if self.opened is not None:
            self.opened.say_goodbye()

    async def close(self) -> None:
        """Nothing more is begun; what waits in the book waits for the next start."""
        if self._feeder is not None:
            await self._feeder.stop()
        if self.opened is not None:
            await self.opened.close()

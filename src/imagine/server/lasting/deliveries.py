"""What is to be told of orders that have a webhook: written down with what happened, until it was told or given up."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from ...messages import Message
from .database import Database
from .rows import DeliveryState, Happened, Webhook, WebhookMessage, WebhookTold, bytes_of

if TYPE_CHECKING:
    from sqlite3 import Connection


class DueDelivery(NamedTuple):
    """A message that is to be sent."""

    number: int
    order: str
    url: str
    origin: str
    delivery: WebhookMessage


class Deliveries:
    """The statements on one database; each returns once what it says is safe. Raises ImagineError where it can't."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def next(self, now: float, busy: Collection[int], full: Collection[str]) -> DueDelivery | None:
        """The one that has been due the longest, of no order of `busy` and to no server of `full`."""

        def work(connection: Connection) -> DueDelivery | None:
            found = connection.execute(_NEXT, (now, json.dumps(list(busy)), json.dumps(list(full)))).fetchone()
            return None if found is None else DueDelivery(found[0], found[1], found[2], found[3], _delivery(found[4:]))

        return await self._database.run(work)

    async def later(self, now: float) -> float | None:
        """When more will be due than is by now."""

        def work(connection: Connection) -> float | None:
            found = connection.execute("SELECT min(due) FROM deliveries WHERE due > ?", (now,)).fetchone()[0]
            return None if found is None else float(found)

        return await self._database.run(work)

    async def note(
        self, one: DueDelivery, state: DeliveryState, told: Message | None, now: float, due: float | None
    ) -> None:
        """What an attempt came to; when there is another, if any. Of an order that is gone by now nothing is noted."""

        def work(connection: Connection) -> None:
            connection.execute(
                "UPDATE deliveries SET attempts = attempts + 1, state = ?, told = ?, at = ?, due = ?"
                " WHERE number = ? AND event = ? AND place = ?",
                (state, None if told is None else bytes_of(told), now, due, one.number, *one.delivery.happened[:2]),
            )

        await self._database.run(work)

    async def stop(self, number: int) -> None:
        """Whoever was to be told of an order wants to hear no more."""

        def work(connection: Connection) -> None:
            connection.execute("UPDATE webhooks SET events = '[]' WHERE number = ?", (number,))
            connection.execute(_STOP, (number,))

        await self._database.run(work)

    async def any(self) -> bool:
        """Is there anything to be sent, now or later?"""
        return await self._database.run(
            lambda connection: connection.execute("SELECT 1 FROM webhooks LIMIT 1").fetchone() is not None
        )


_NEXT = """
SELECT number, orders.id, url, origin, event, place, since, attempts, deliveries.state, told, at, due
FROM deliveries JOIN webhooks USING (number) JOIN orders USING (number)
WHERE due <= ? AND number NOT IN (SELECT value FROM json_each(?)) AND origin NOT IN (SELECT value FROM json_each(?))
ORDER BY due, deliveries.rowid LIMIT 1
"""
_STOP = "UPDATE deliveries SET due = NULL, state = 'stopped' WHERE number = ? AND due IS NOT NULL"


def _delivery(
    found: tuple[str, int, float, int, DeliveryState, bytes | None, float | None, float | None],
) -> WebhookMessage:
    event, place, since, attempts, state, told, at, due = found
    note = None if told is None else msgspec.msgpack.decode(told, type=Message)
    return WebhookMessage(Happened(event, place, since), attempts, state, note, at, due)


def webhook_put(connection: Connection, number: int, webhook: Webhook) -> None:
    """Within the transaction that writes the order down."""
    connection.execute(
        "INSERT INTO webhooks VALUES (?, ?, ?, ?, ?, ?)",
        (number, webhook.url, webhook.origin, json.dumps(webhook.events), webhook.shape, webhook.base),
    )


def happened(connection: Connection, number: int, event: str, place: int, now: float) -> None:
    """Within the transaction that writes down what happened to an order: once of each, where somebody wants to know."""
    connection.execute(
        "INSERT OR IGNORE INTO deliveries (number, event, place, since, due) SELECT number, ?, ?, ?, ? FROM webhooks"
        " WHERE number = ? AND EXISTS (SELECT 1 FROM json_each(events) WHERE value = ?)",
        (event, place, now, now, number, event),
    )


def webhook_of(connection: Connection, number: int) -> WebhookTold | None:
    """An order's webhook, and what became of its messages."""
    found = connection.execute(
        "SELECT url, origin, events, shape, base FROM webhooks WHERE number = ?", (number,)
    ).fetchone()
    if found is None:
        return None
    url, origin, events, shape, base = found
    rows = connection.execute(
        "SELECT event, place, since, attempts, state, told, at, due FROM deliveries WHERE number = ? ORDER BY rowid",
        (number,),
    ).fetchall()
    return WebhookTold(Webhook(url, origin, tuple(json.loads(events)), shape, base), tuple(map(_delivery, rows)))

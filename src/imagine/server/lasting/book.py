"""The book of orders that last: what is written when, each in one transaction, so that a kill finds it whole.

What ends an order asks first whether it has ended: it does so once, whatever happens at the same time.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ...fairness.quotas import DAY, KeyUse
from ...fairness.urgency import turn_of
from ...words.events import Failed, Finished
from ...words.keys import USUAL, Priority
from .database import Database
from .deliveries import Deliveries, happened, webhook_of, webhook_put
from .line import Waiter, line_of
from .rows import (
    KeyedBy,
    OrderAbout,
    OrderRow,
    PackedJobs,
    PictureRow,
    Webhook,
    about_from,
    bytes_of,
    failure_from,
    picture_from,
)

if TYPE_CHECKING:
    from sqlite3 import Connection

OPEN = "queued"
EXPIRED = "expired"
STARTED, FINAL, END = "started", "final", "end"
"""What can be told of an order: that it is made, that a picture is there, and how it ended."""
EVENTS = (STARTED, FINAL, END)
_BY_ID = """
SELECT number, id, owner, client, state, created, ended, expires, pictures, lost, about, failure, priority, turn
FROM orders WHERE id = ?
"""
_BY_OWNER = """
SELECT number, id, owner, client, state, created, ended, expires, pictures, lost, about, failure, priority, turn
FROM orders WHERE owner = ? AND number < ? ORDER BY number DESC LIMIT ?
"""
_BY_NUMBER = """
SELECT number, id, owner, client, state, created, ended, expires, pictures, lost, about, failure, priority, turn
FROM orders WHERE number < ? ORDER BY number DESC LIMIT ?
"""

# Of those that wait, but for those that have been begun, whose numbers are a list in JSON: how many each owner has, and
# its first (SQLite takes the number from the row of the least turn); the one at another place of an owner's; how many
# of its owner's are before one.
_OWNERS = """
SELECT owner, count(*), number, min(turn) FROM orders
WHERE state = 'queued' AND number NOT IN (SELECT value FROM json_each(:begun)) GROUP BY owner
"""
_PLACE = """
SELECT number FROM orders
WHERE state = 'queued' AND owner = :owner AND number NOT IN (SELECT value FROM json_each(:begun))
ORDER BY turn, number LIMIT 1 OFFSET :at
"""
_RANK = """
SELECT owner, (
    SELECT count(*) FROM orders
    WHERE state = this.state AND owner = this.owner AND (turn, number) < (this.turn, this.number)
    AND number NOT IN (SELECT value FROM json_each(:begun))
) FROM orders AS this
WHERE number = :number AND state = 'queued' AND number NOT IN (SELECT value FROM json_each(:begun))
"""


class Waiting(NamedTuple):
    """How much waits in the book: orders, those of one owner, and the bytes of all their input pictures."""

    orders: int
    own: int
    bytes: int


class OwnWaiter(NamedTuple):
    """One of somebody's orders that have not ended, and where it stands among them."""

    id: str
    number: int
    turn: float


class Next(NamedTuple):
    """An order whose turn it is, and its owner."""

    id: str
    number: int
    owner: str


class LastingBook:
    """The statements on one database; each returns once what it says is safe. Raises ImagineError where it can't."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.deliveries = Deliveries(database)

    async def put(
        self,
        order: str,
        owner: str,
        client: str,
        created: float,
        about: OrderAbout,
        plan: PackedJobs,
        keyed: KeyedBy | None,
        webhook: Webhook | None = None,
        priority: Priority = USUAL,
    ) -> int:
        """Writes a new order down; its number."""
        size = sum(map(len, plan.inputs.values()))
        row = (order, owner, client, OPEN, created, len(about.pictures), size, bytes_of(about))
        standing = (priority, turn_of(created, priority))

        def work(connection: Connection) -> int:
            number = connection.execute(
                "INSERT INTO orders (id, owner, client, state, created, pictures, bytes, about, priority, turn)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING number",
                (*row, *standing),
            ).fetchone()[0]
            connection.execute("INSERT INTO plans VALUES (?, ?)", (number, plan.jobs))
            connection.executemany(
                "INSERT INTO inputs VALUES (?, ?, ?)", [(number, *one) for one in plan.inputs.items()]
            )
            if keyed is not None:
                connection.execute(
                    "INSERT INTO keys VALUES (?, ?, ?, ?, ?)",
                    (owner, keyed.path, keyed.key, keyed.fingerprint, number),
                )
            if webhook is not None:
                webhook_put(connection, number, webhook)
            return int(number)

        return await self._database.run(work)

    async def waiting(self, owner: str) -> Waiting:
        """What waits, or is made."""

        def work(connection: Connection) -> Waiting:
            return Waiting(
                *connection.execute(
                    "SELECT count(*), coalesce(sum(owner = ?), 0), coalesce(sum(bytes), 0) FROM orders WHERE state = ?",
                    (owner, OPEN),
                ).fetchone()
            )

        return await self._database.run(work)

    async def keyed(self, owner: str, path: str, key: str) -> tuple[str, bytes] | None:
        """The order that was made for an Idempotency-Key, and the fingerprint of what it was asked with."""

        def work(connection: Connection) -> tuple[str, bytes] | None:
            found = connection.execute(
                "SELECT orders.id, keys.fingerprint FROM keys JOIN orders USING (number)"
                " WHERE keys.owner = ? AND keys.path = ? AND keys.key = ?",
                (owner, path, key),
            ).fetchone()
            return None if found is None else (found[0], found[1])

        return await self._database.run(work)

    async def get(self, order: str) -> OrderRow | None:
        """The order of that id, with what became of its pictures."""

        def work(connection: Connection) -> OrderRow | None:
            found = connection.execute(_BY_ID, (order,)).fetchone()
            return None if found is None else _row(connection, found)

        return await self._database.run(work)

    async def listed(self, owner: str | None, most: int, before: int | None = None) -> list[OrderRow]:
        """So many of somebody's orders, or of everybody's, the newest first: those that came before number `before`."""
        before_it = 2**63 - 1 if before is None else before

        def work(connection: Connection) -> list[OrderRow]:
            if owner is None:
                found = connection.execute(_BY_NUMBER, (before_it, most)).fetchall()
            else:
                found = connection.execute(_BY_OWNER, (owner, before_it, most)).fetchall()
            return [_row(connection, each) for each in found]

        return await self._database.run(work)

    async def next(self, in_hand: Mapping[int, str]) -> Next | None:
        """The order to be begun, where those of `in_hand`, by their number, have been, for these owners.

        The first of `line_of`, found without looking at each.
        """
        held, begun = Counter(in_hand.values()), json.dumps(list(in_hand))

        def work(connection: Connection) -> Next | None:
            owners = connection.execute(_OWNERS, {"begun": begun}).fetchall()
            if not owners:
                return None
            _, number = min((held[owner], first) for owner, _, first, _ in owners)
            return Next(
                *connection.execute("SELECT id, number, owner FROM orders WHERE number = ?", (number,)).fetchone()
            )

        return await self._database.run(work)

    async def ahead(self, number: int, in_hand: Mapping[int, str]) -> int | None:
        """How many orders are begun before one that waits; None of any other. Its place in `line`, found likewise."""
        held, begun = Counter(in_hand.values()), json.dumps(list(in_hand))

        def work(connection: Connection) -> int | None:
            found = connection.execute(_RANK, {"number": number, "begun": begun}).fetchone()
            if found is None:
                return None
            own, ahead = found
            before = held[own] + ahead
            for owner, count, first, _ in connection.execute(_OWNERS, {"begun": begun}).fetchall():
                if owner == own or (at := before - held[owner]) < 0:
                    continue
                ahead += min(at, count)
                if at < count:  # as many of that owner's are begun then: the one that came first goes first
                    place = {"owner": owner, "at": at, "begun": begun}
                    ahead += (connection.execute(_PLACE, place).fetchone()[0] if at else first) < number
            return int(ahead)

        return await self._database.run(work)

    async def plan(self, number: int) -> PackedJobs | None:
        """What is to be done for an order; None where it has ended."""

        def work(connection: Connection) -> PackedJobs | None:
            found = connection.execute("SELECT jobs FROM plans WHERE number = ?", (number,)).fetchone()
            inputs = connection.execute("SELECT digest, data FROM inputs WHERE number = ?", (number,)).fetchall()
            return None if found is None else PackedJobs(found[0], dict(inputs))

        return await self._database.run(work)

    async def keep(self, number: int, place: int, picture: PictureRow, now: float, keep: float) -> str:
        """Writes down what became of a picture; with the last of them the order has succeeded. Its state then."""

        def work(connection: Connection) -> str:
            if (state := _state(connection, number)) != OPEN:
                return state
            connection.execute("INSERT OR IGNORE INTO pictures VALUES (?, ?, ?)", (number, place, bytes_of(picture)))
            if isinstance(picture.report, Finished):
                happened(connection, number, FINAL, place, now)
            missing = connection.execute(
                "SELECT pictures - (SELECT count(*) FROM pictures WHERE number = orders.number) FROM orders"
                " WHERE number = ?",
                (number,),
            ).fetchone()[0]
            return state if missing else _end(connection, number, "succeeded", None, now, keep)

        return await self._database.run(work)

    async def began(self, number: int, now: float) -> None:
        """A worker is at it: told, unless the order has ended, behind whose end nothing begins."""

        def work(connection: Connection) -> None:
            if _state(connection, number) == OPEN:
                happened(connection, number, STARTED, -1, now)

        await self._database.run(work)

    async def end(self, number: int, state: str, failure: Failed | None, now: float, keep: float) -> str:
        """Writes down how an order ends, unless it has ended; its state then."""
        return await self._database.run(lambda connection: _end(connection, number, state, failure, now, keep))

    async def lost(self, number: int) -> int:
        """Counts an attempt that a worker's end cost; how many there are."""

        def work(connection: Connection) -> int:
            connection.execute("UPDATE orders SET lost = lost + 1 WHERE number = ?", (number,))
            return int(connection.execute("SELECT lost FROM orders WHERE number = ?", (number,)).fetchone()[0])

        return await self._database.run(work)

    async def line(self, in_hand: Mapping[int, str]) -> list[int]:
        """The numbers of all that wait, as they will be begun; `in_hand` as in `next`."""
        held = Counter(in_hand.values())

        def work(connection: Connection) -> list[int]:
            rows = connection.execute("SELECT turn, number, owner FROM orders WHERE state = ?", (OPEN,))
            return [one.number for one in line_of((Waiter(*row) for row in rows if row[1] not in in_hand), held)]

        return await self._database.run(work)

    async def own_line(self, owner: str) -> list[OwnWaiter]:
        """What somebody's are made of that have not ended, by their turns."""

        def work(connection: Connection) -> list[OwnWaiter]:
            found = connection.execute(
                "SELECT id, number, turn FROM orders WHERE state = ? AND owner = ? ORDER BY turn, number", (OPEN, owner)
            )
            return [OwnWaiter(*each) for each in found]

        return await self._database.run(work)

    async def move(self, turns: Mapping[int, float], number: int, priority: Priority) -> None:
        """Has orders of these numbers stand elsewhere, and one of them be so urgent."""

        def work(connection: Connection) -> None:
            connection.executemany(
                "UPDATE orders SET turn = ? WHERE number = ?", [(turn, each) for each, turn in turns.items()]
            )
            connection.execute("UPDATE orders SET priority = ? WHERE number = ?", (priority, number))

        await self._database.run(work)

    async def uses(self, since: float) -> list[tuple[str, KeyUse]]:
        """What keys used since then, the oldest first."""

        def work(connection: Connection) -> list[tuple[str, KeyUse]]:
            found = connection.execute("SELECT key, at, pictures, work FROM uses WHERE at > ? ORDER BY at", (since,))
            return [(key, KeyUse(*rest)) for key, *rest in found]

        return await self._database.run(work)

    async def note_use(self, key: str, use: KeyUse) -> None:
        """Writes one down."""
        row = (key, use.at, use.pictures, use.work)
        await self._database.run(
            lambda connection: _done(connection.execute("INSERT INTO uses VALUES (?, ?, ?, ?)", row))
        )

    async def kept_names(self, owner: str) -> list[str]:
        """What the files of somebody's pictures are called."""

        def work(connection: Connection) -> list[str]:
            found = connection.execute(
                "SELECT report FROM pictures JOIN orders USING (number) WHERE owner = ?", (owner,)
            )
            return [name for (report,) in found if (name := picture_from(report).name)]

        return await self._database.run(work)

    async def forget_old(self, now: float, keep: float) -> list[str]:
        """Forgets what has expired: first all but its state, then that; the names of the pictures that go with it."""

        def work(connection: Connection) -> list[str]:
            connection.execute("DELETE FROM uses WHERE at NOT BETWEEN ? AND ?", (now - DAY, now + DAY))
            connection.execute("DELETE FROM orders WHERE expires <= ? AND state = ?", (now, EXPIRED))
            old = [each[0] for each in connection.execute("SELECT number FROM orders WHERE expires <= ?", (now,))]
            names = [row.name for number in old for row in _pictures(connection, number).values() if row.name]
            connection.executemany("DELETE FROM pictures WHERE number = ?", [(number,) for number in old])
            connection.executemany("DELETE FROM webhooks WHERE number = ?", [(number,) for number in old])
            connection.executemany(
                "UPDATE orders SET state = ?, about = NULL, failure = NULL, expires = ? WHERE number = ?",
                [(EXPIRED, now + keep, number) for number in old],
            )
            connection.execute("PRAGMA incremental_vacuum").fetchall()
            return names

        names = await self._database.run(work)
        await self._database.overwrite_log()
        return names

    async def due(self) -> float | None:
        """When something expires next, in Unix seconds."""

        def work(connection: Connection) -> float | None:
            found = connection.execute("SELECT min(expires) FROM orders WHERE expires IS NOT NULL").fetchone()[0]
            return None if found is None else float(found)

        return await self._database.run(work)

    async def names(self) -> set[str]:
        """What the files of all pictures are called."""

        def work(connection: Connection) -> set[str]:
            return {picture_from(report).name for (report,) in connection.execute("SELECT report FROM pictures")}

        return await self._database.run(work)


def _done(_: object) -> None:
    """Nothing is to be told of it."""


def _state(connection: Connection, number: int) -> str:
    found = connection.execute("SELECT state FROM orders WHERE number = ?", (number,)).fetchone()
    return EXPIRED if found is None else str(found[0])


def _end(connection: Connection, number: int, state: str, failure: Failed | None, now: float, keep: float) -> str:
    """What is to be done for an order, and what it came with, goes with its end. Negative `keep`: it never expires."""
    ended = connection.execute(
        "UPDATE orders SET state = ?, failure = ?, ended = ?, expires = ?, bytes = 0 WHERE number = ? AND state = ?",
        (state, None if failure is None else bytes_of(failure), now, None if keep < 0 else now + keep, number, OPEN),
    )
    if ended.rowcount:
        happened(connection, number, END, -1, now)
    connection.execute("DELETE FROM plans WHERE number = ?", (number,))
    connection.execute("DELETE FROM inputs WHERE number = ?", (number,))
    return _state(connection, number)


def _pictures(connection: Connection, number: int) -> dict[int, PictureRow]:
    found: Iterable[tuple[int, bytes]] = connection.execute(
        "SELECT place, report FROM pictures WHERE number = ? ORDER BY place", (number,)
    )
    return {place: picture_from(report) for place, report in found}


def _row(connection: Connection, found: tuple[Any, ...]) -> OrderRow:
    number, order, owner, client, state, created, ended, expires, size, lost, about, failure, priority, turn = found
    return OrderRow(
        number, order, owner, client, state, created, ended, expires, size, lost,
        about=None if about is None else about_from(about),
        failure=None if failure is None else failure_from(failure),
        pictures=_pictures(connection, number),
        called=webhook_of(connection, number), priority=priority, turn=turn,
    )  # fmt: skip

"""Orders that last: written down before they are accepted, made whenever there is room, and given until they expire.

What is made is read from the book, whether the order came a moment ago or before the process was killed: there is one
way, which every order goes. In memory are only those that are made, and those that somebody reads.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from weakref import WeakValueDictionary

import msgspec

from ...asking.request import GenerateRequest
from ...dispatch.attempts import LOST_AGAIN
from ...dispatch.places import may_wait
from ...dispatch.worker import error_from_failed
from ...fairness.allowance import Holding
from ...fairness.clients import client_from_key
from ...fairness.quotas import DAY, KeyUse
from ...fairness.urgency import turn_of
from ...messages import Message, message
from ...settings.keys import NamedKey
from ...words.errors import Busy, Cancelled, ImagineError, OverQuota, WorkerLost
from ...words.events import Failed
from ...words.keys import Priority
from ...words.moderation import AskedAs
from ..gateway.gateway import Gateway
from ..gateway.storage import PictureStore
from ..lasting.book import EXPIRED, OPEN, STARTED, LastingBook
from ..lasting.database import Database
from ..lasting.line import between
from ..lasting.rows import (
    KeyedBy,
    OrderAbout,
    OrderRow,
    PictureAsked,
    PictureRow,
    Webhook,
    WebhookTold,
    packed,
)
from .event_log import EventLog
from .incoming import Incoming
from .order import LastingPart, Order, OrderedPicture, State
from .orders import Orders
from .output import AS_PAINTED, Output
from .painted import Painted
from .plan import Plan
from .stages import prepare
from .standing import standing
from .store import EXTENSIONS

T = TypeVar("T")
_log = logging.getLogger("imagine.jobs")
_WHEN_FULL = 600.0
"""Seconds after which to ask again where results have to expire first."""
ATTEMPTS = 2
"""How many a worker's end may cost; a server's own costs none."""


class Placer(NamedTuple):
    """Who places an order: whose it is, whom its seconds are counted for, and in which standing they ask."""

    owner: str
    client: str
    asked_as: AskedAs


class PlaceWanted(NamedTuple):
    """Where an order is to stand among its owner's that wait: at a position, or beside another, by its id."""

    position: int = 0
    beside: str = ""
    behind: bool = False

    def at(self, line: list[str]) -> int:
        """The place in that line. Raises NotWaiting."""
        if not self.beside:
            return min(self.position, len(line))
        if self.beside not in line:
            raise NotWaiting(self.beside)
        return line.index(self.beside) + self.behind


class HasBegun(LookupError):
    """It doesn't wait any more."""


class NotWaiting(LookupError):
    """There is no order of that id beside which another could wait."""


class KeyUsed(LookupError):
    """That Idempotency-Key was said before, with something else that was asked for."""


class Gone(LookupError):
    """The order's results have expired, or one of its pictures is kept no more."""


class LastingOrders:
    """One gateway's orders that last. Used from one event loop; `wall` is in Unix seconds."""

    def __init__(self, gateway: Gateway, orders: Orders, book: Path, wall: Callable[[], float] = time.time) -> None:
        self._gateway, self._orders, self._wall = gateway, orders, wall
        self._database = Database(book)
        self.book = LastingBook(self._database)
        self.pictures = PictureStore(book.parent / "pictures", keep=-1, most=gateway.settings.max_orders_size * 2**20)
        self.in_hand: dict[int, Order] = {}
        """Those that are made, by their number."""
        self.stuck: dict[int, str] = {}
        """Those of which nothing could be written down, and their owners: they wait for the next start."""
        self.changed = asyncio.Event()
        """Something came, or ended."""
        self._known: WeakValueDictionary[str, Order] = WeakValueDictionary()
        self._placing: Counter[tuple[str, str, str]] = Counter()
        self._turns: dict[tuple[str, str, str], asyncio.Lock] = {}
        self._deadlines: dict[int, asyncio.TimerHandle] = {}
        """By number, of those that are known and have not ended: what takes them back at their deadline."""
        self._ending: set[asyncio.Task[Any]] = set()
        """What is done to its end, whoever waits for it."""
        self._begun = False
        self.begin: Callable[[], None] = _nothing
        """Called before the first use of the book: what makes its orders starts then."""
        self.call: Callable[[], None] = _nothing
        """Called with the first order that has a webhook: what sends the messages starts then."""
        self.happened: Callable[[], None] = _nothing
        """Called once something is written down that a webhook may want to know."""

    @property
    def is_there(self) -> bool:
        """Is there a book, of orders that may wait?"""
        return self._database.is_there

    async def place(
        self, request: GenerateRequest, asker: Placer, holding: Holding, output: Output = AS_PAINTED, *,
        lenient_tags: bool = False, filled: tuple[str, ...] = (), warnings: tuple[Message, ...] = (),
        keyed: KeyedBy | None = None, webhook: Webhook | None = None,
        deadline: float | None = None,
    ) -> Order:  # fmt: skip
        """Takes a request in: it is safe once this returns. Where an order was made for the same key, that one.

        Raises as `Orders.place`; KeyUsed, Gone; ImagineError where the book can't be written.
        """
        self.start()
        if webhook is not None:
            self.call()
        async with self._turn(asker.owner, keyed):
            if keyed is not None and (before := await self._made_for(asker.owner, keyed)) is not None:
                return before
            await self._check_room(asker.owner, request)
            incoming = Incoming(request, request, asker.client, asker.asked_as, lenient_tags, filled)
            plan = await prepare(self._gateway, incoming, holding, output)
            named = self._gateway.settings.key_named(plan.key)
            await self._check_size(named)
            async with self._orders.quotas.admitted(named, plan.jobs):
                try:
                    order = await self._written(plan, asker, output, warnings, keyed, webhook, deadline)
                finally:
                    self.changed.set()  # who goes away amid it leaves an order behind
        holding.hold(0)
        return order

    def start(self) -> None:
        """From now on what stands in the book is made."""
        if not self._begun:
            self._begun = True
            self._orders.quotas.book = self
            self.begin()

    def say_goodbye(self) -> None:
        """Whoever waits for what isn't begun is told that the server stops."""
        for order in list(self._known.values()):
            if order.state == "open":
                order.log.end(partial(Busy, message("server.stopping"), retry_after=10.0))

    async def close(self) -> None:
        """Lets go of the book; what waits in it waits for the next start."""
        if self._ending:
            await asyncio.wait(self._ending)
        await self._database.close()

    async def row(self, order: str) -> OrderRow | None:
        """What the book says of an order; None where there is none of that id. Raises ImagineError."""
        return await self.book.get(order) if self._begun or self.is_there else None

    async def listed(self, owner: str | None, most: int, before: int | None = None) -> list[OrderRow]:
        """As `LastingBook.listed`. Raises ImagineError."""
        return await self.book.listed(owner, most, before) if self._begun or self.is_there else []

    async def opened(self, row: OrderRow) -> Order:
        """The order to be read, from its beginning on. Raises Gone."""
        order = self.known(row)
        latest = await self.book.get(row.id)  # it may have ended before anybody held on to it
        if latest is not None and row.number not in self.in_hand:
            await self.catch_up(order, latest)
        return order

    async def catch_up(self, order: Order, row: OrderRow) -> None:
        """Has its log tell of what the book has and it hasn't, its end too. Raises Gone."""
        if row.state == EXPIRED:
            raise Gone(row.id)
        lasting = _lasting(order)
        async with lasting.catching_up:
            for place, picture in row.pictures.items():
                if place in lasting.names or place in order.left_out:
                    continue
                report = picture.report
                if isinstance(report, Failed):
                    order.left_out[place] = report
                else:
                    report = msgspec.structs.replace(report, data=await self._data(picture.name))
                    lasting.names[place] = picture.name
                order.log.add(place, report, picture.stored)
            if row.state != OPEN and order.state == "open":
                order.state = _as_state(row.state)
                order.log.end(None if row.failure is None else partial(error_from_failed, row.failure))

    async def cancel(self, row: OrderRow) -> bool:
        """Takes an order back; False where it has ended. Raises ImagineError."""
        failed = Failed(job=row.id, error=Cancelled.__name__, message=message("job.cancelled"))
        if row.state != OPEN or await self._ends(row.number, "cancelled", failed) != "cancelled":
            return False
        if (order := self._known.get(row.id)) is not None:
            self._orders.take_back(order, "cancelled", partial(error_from_failed, failed))
        self.in_hand.pop(row.number, None)
        self.changed.set()
        return True

    def _overdue(self, row: OrderRow) -> None:
        """Its deadline is over: it is taken back, unless it has ended."""
        del self._deadlines[row.number]
        self._to_its_end(self._take_back(row))

    def _to_its_end(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        self._ending.add(task := asyncio.create_task(work))
        task.add_done_callback(self._ending.discard)
        return task

    def _drop_deadline(self, number: int) -> None:
        """It has ended: nothing is to be done at its deadline."""
        if (timer := self._deadlines.pop(number, None)) is not None:
            timer.cancel()

    async def _take_back(self, row: OrderRow) -> None:
        try:
            await self.cancel(row)
        except ImagineError as error:
            _log.warning("order %s can't be taken back at its deadline: %s", row.id, error)

    async def give_up(self, number: int, order: str, failed: Failed) -> None:
        """An order that can't be begun has failed, and whoever waits for it is told. Raises ImagineError."""
        await self._ends(number, "failed", failed)
        if (known := self._known.get(order)) is not None:
            self._orders.take_back(known, "failed", partial(error_from_failed, failed))

    async def ahead(self, row: OrderRow) -> int | None:
        """How many orders are begun before one; None where it has been, or has ended."""
        return await self.book.ahead(row.number, self.owners_in_hand)

    async def positions(self) -> dict[int, int]:
        """By number, of all that aren't begun: the same."""
        return {number: place for place, number in enumerate(await self.book.line(self.owners_in_hand))}

    @property
    def owners_in_hand(self) -> dict[int, str]:
        """Whose those are that are made, by their number; and those that are stuck."""
        return {number: _lasting(order).owner for number, order in self.in_hand.items()} | self.stuck

    async def move(self, row: OrderRow, priority: Priority | None, target: PlaceWanted | None) -> None:
        """Has an order that waits be so urgent, and stand elsewhere among its owner's that wait. Raises HasBegun,
        NotWaiting of the one that it is to stand beside, ImagineError."""
        own = [each for each in await self.book.own_line(row.owner) if not self._has_begun(each.number)]
        this = next((each for each in own if each.number == row.number), None)
        if this is None:
            raise HasBegun(row.id)
        given = row.priority if priority is None else priority
        turns = {row.number: this.turn if priority is None else turn_of(row.created, given)}
        if target is not None:
            others = [each for each in own if each.number != row.number]
            at = target.at([each.id for each in others])
            line = [*others[:at], this, *others[at:]]
            turns = {line[place].number: turn for place, turn in between([each.turn for each in others], at).items()}
        await self.book.move(turns, row.number, given)
        for number, turn in turns.items():
            for job in self._waiting_jobs(number):
                self._gateway.pool.rank(job, given if number == row.number else None, turn)

    def _has_begun(self, number: int) -> bool:
        """Is one of its pictures made, or done?"""
        order = self.in_hand.get(number)
        return order is not None and len(self._waiting_jobs(number)) < len(order.pictures)

    def _waiting_jobs(self, number: int) -> list[str]:
        order = self.in_hand.get(number)
        jobs = [] if order is None else [order.pictures[index].job for index in order.open]
        return [job for job in jobs if self._gateway.pool.waits(job)]

    def known(self, row: OrderRow) -> Order:
        """The order of that row, to be made: whoever reads it reads this one. Raises Gone."""
        if row.about is None:
            raise Gone(row.id)
        if (known := self._known.get(row.id)) is not None:
            return known
        if row.state == OPEN and row.about.deadline is not None and row.number not in self._deadlines:
            left = max(0.0, row.about.deadline - self._wall())
            timer = asyncio.get_running_loop().call_later(left, self._overdue, row)
            self._deadlines[row.number] = timer
        return self._known.setdefault(row.id, self._order(row, row.about))

    # What `UseBook` asks for.

    async def uses(self) -> list[tuple[str, KeyUse]]:
        """As there."""
        return await self.book.uses(self._wall() - DAY)

    async def note_use(self, key: str, use: KeyUse) -> None:
        """As there."""
        await self.book.note_use(key, use)

    async def open_orders(self, key: str) -> int:
        """As there."""
        return (await self.book.waiting(client_from_key(key))).own

    # What `Keeper` asks for.

    async def keep(self, order: Order, index: int, painted: Painted) -> None:
        """Its file first, then its row. Raises ImagineError."""
        lasting = _lasting(order)
        kept = self._to_its_end(self._kept(lasting, index, painted))
        lasting.names[index] = await asyncio.shield(kept)  # who takes it back amid it leaves no file behind

    async def leave_out(self, order: Order, index: int, refused: Failed) -> None:
        """Its row. Raises ImagineError."""
        await self._keep(_lasting(order), index, PictureRow(report=refused))

    async def fail(self, order: Order, state: State, failed: Failed) -> bool:
        """What a worker's end costs isn't an order's end yet, unless the pool has tried again already; a server that
        stops leaves it as it is."""
        number = _lasting(order).number
        if self._gateway.stopping:
            return True
        try:
            lost = failed.error == WorkerLost.__name__ and failed.message.code != LOST_AGAIN
            if lost and await self.book.lost(number) < ATTEMPTS:
                if self._ending:  # what is there of its pictures isn't made again
                    await asyncio.wait(self._ending)
                self.in_hand.pop(number, None)
                order.holding.hold(0)
                self.changed.set()
                return False
            await self._ends(number, state, failed)
        except ImagineError as error:
            _log.error("order %s ends, and that can't be written down: %s", order.id, error)
            self.stuck[number] = _lasting(order).owner
        return True

    async def began(self, order: Order) -> None:
        """Its message; a book that can't be written costs no more than that."""
        try:
            await self.book.began(_lasting(order).number, self._wall())
            self.happened()
        except ImagineError as error:
            _log.error("order %s began, and that can't be written down: %s", order.id, error)

    def ended(self, order: Order) -> None:
        """There is room for another."""
        self.in_hand.pop(_lasting(order).number, None)
        self.changed.set()

    async def _kept(self, lasting: LastingPart, index: int, painted: Painted) -> str:
        """The name of its file, which goes again where it belongs to nothing."""
        finished = painted.finished
        name = await self.pictures.keep(finished.data, EXTENSIONS[finished.media_type])
        report = msgspec.structs.replace(finished, data=b"", warnings=[*painted.notes, *finished.warnings])
        try:
            await self._keep(lasting, index, PictureRow(report=report, name=name, stored=painted.stored))
        except Cancelled:
            with contextlib.suppress(OSError):  # the next start looks for such
                await asyncio.to_thread(self.pictures.remove, name)
            raise
        return name

    async def _keep(self, lasting: LastingPart, index: int, row: PictureRow) -> None:
        keep = self._gateway.settings.keep_orders
        state = await self.book.keep(lasting.number, index, row, self._wall(), keep)
        self.happened()
        if state != OPEN:
            self._drop_deadline(lasting.number)
        if state not in (OPEN, "succeeded"):
            raise Cancelled(message("job.cancelled"))  # it was taken back at the same moment

    async def _ends(self, number: int, state: str, failed: Failed) -> str:
        ended = await self.book.end(number, state, failed, self._wall(), self._gateway.settings.keep_orders)
        self.happened()
        self._drop_deadline(number)
        return ended

    @contextlib.asynccontextmanager
    async def _turn(self, owner: str, keyed: KeyedBy | None) -> AsyncGenerator[None]:
        """Who says a key that is being said already waits for what becomes of that."""
        if keyed is None:
            yield
            return
        which = (owner, keyed.path, keyed.key)
        self._placing[which] += 1
        try:
            async with self._turns.setdefault(which, asyncio.Lock()):
                yield
        finally:
            self._placing[which] -= 1
            if not self._placing[which]:
                del self._placing[which], self._turns[which]

    async def _made_for(self, owner: str, keyed: KeyedBy) -> Order | None:
        found = await self.book.keyed(owner, keyed.path, keyed.key)
        if found is None:
            return None
        order, fingerprint = found
        if fingerprint != keyed.fingerprint:
            raise KeyUsed(keyed.key)
        row = await self.book.get(order)
        if row is None:
            raise Gone(order)
        return await self.opened(row)

    async def _check_room(self, owner: str, request: GenerateRequest) -> None:
        """Raises Busy where no more may wait, of all or of one owner's; or no more of what they bring along."""
        if self._gateway.stopping:
            raise Busy(message("server.stopping"), retry_after=10.0)
        waiting, settings = await self.book.waiting(owner), self._gateway.settings
        if not may_wait(waiting.orders, waiting.own, settings.max_orders):
            raise Busy(message("busy.orders", own=waiting.own, most=settings.max_orders), retry_after=60.0)
        brings = any((request.img, request.mask, request.control, request.references))
        if brings and waiting.bytes > settings.max_orders_size * 2**20:
            raise Busy(message("busy.order_bytes", most=settings.max_orders_size), retry_after=60.0)

    async def _check_size(self, named: NamedKey | None) -> None:
        """Raises OverQuota where a key's kept pictures take all that they may."""
        if named is None or (most := named.limits.results_size) is None:
            return
        names = await self.book.kept_names(client_from_key(named.name))
        taken = await asyncio.to_thread(self.pictures.size_of, names)
        if taken >= most * 2**20:
            raise OverQuota(message("quota.size", most=most, used=taken // 2**20), retry_after=_WHEN_FULL)

    async def _written(
        self, plan: Plan, asker: Placer, output: Output, warnings: tuple[Message, ...], keyed: KeyedBy | None,
        webhook: Webhook | None, deadline: float | None,
    ) -> Order:  # fmt: skip
        name, now = secrets.token_urlsafe(16), self._wall()
        plan = standing(plan, asker.asked_as, self._gateway.settings, now)
        about = OrderAbout(
            key=plan.key, pictures=[PictureAsked(job=job.job, params=job.params) for job in plan.jobs],
            warnings=list(dict.fromkeys([*warnings, *plan.warnings])), output=msgspec.to_builtins(output),
            streams=plan.progress or plan.jobs[0].preview.every > 0, progress=plan.progress,
            deadline=None if deadline is None else now + deadline,
        )  # fmt: skip
        jobs = await self._gateway.apart(lambda: packed(plan.jobs), asker.client)
        priority = asker.asked_as.priority
        number = await self.book.put(name, asker.owner, asker.client, now, about, jobs, keyed, webhook, priority)
        row = OrderRow(
            number, name, asker.owner, asker.client, OPEN, now, None, None, len(about.pictures), 0, about, None,
            called=None if webhook is None else WebhookTold(webhook, ()),
            priority=priority, turn=turn_of(now, priority),
        )  # fmt: skip
        return self.known(row)

    def _order(self, row: OrderRow, about: OrderAbout) -> Order:
        now = self._wall()
        lasting = LastingPart(
            number=row.number,
            owner=row.owner,
            created=row.created,
            epoch=secrets.token_hex(4),
            keeper=self,
            told_begun=row.called is None or STARTED not in row.called.webhook.events,
            catching_up=asyncio.Lock(),
        )
        return Order(
            id=row.id, client=row.client, key=about.key, attached=False, warnings=list(about.warnings),
            pictures=[OrderedPicture(each.job, each.params) for each in about.pictures],
            output=msgspec.convert(about.output, Output), streams=about.streams, progress=about.progress,
            placed_at=self._gateway.clock() - max(0.0, now - row.created), holding=self._gateway.allowance.holding(),
            log=EventLog(len(about.pictures), keeps=True), lasting=lasting,
        )  # fmt: skip

    async def _data(self, name: str) -> bytes:
        """Raises Gone."""
        stored = self.pictures.find(name)
        try:
            if stored is None:
                raise FileNotFoundError
            return await asyncio.to_thread(stored.path.read_bytes)
        except OSError as error:
            raise Gone(name) from error


def _lasting(order: Order) -> LastingPart:
    assert order.lasting is not None, "only what lasts is kept"
    return order.lasting


def _as_state(state: str) -> State:
    return "succeeded" if state == "succeeded" else "cancelled" if state == "cancelled" else "failed"


def _nothing() -> None:
    """Nobody makes anything yet."""

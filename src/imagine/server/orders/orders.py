"""The door for requests: each becomes an order, which has its id and its own lifetime, and ends once.

A connection attends to an order while it waits, and reads its events; others may read along, or come later. An attached
order ends with its last connection: its jobs are taken back, and it is forgotten. Any other goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from functools import partial

from ...asking.request import GenerateRequest
from ...dispatch.worker import Events, error_from_failed
from ...fairness.allowance import Holding
from ...identity.stamp import FileStamp, unchanged
from ...messages import message
from ...words.errors import Blocked, Cancelled, ImagineError, ModelChanged, WorkerLost
from ...words.events import Failed, Finished, Queued
from ...words.frames import JobReport, Submit
from ...words.moderation import AskedAs
from ..gateway.gateway import Gateway
from .book import Book, MemoryBook
from .event_log import EventLog, OrderEvent
from .incoming import Incoming
from .job_log import note_end, note_taken_back
from .order import Order, OrderedPicture, State
from .output import AS_PAINTED, Output
from .plan import Plan
from .quotas import KeyQuotas
from .stages import finish, prepare
from .standing import NOBODY, standing


class UnknownOrder(LookupError):
    """There is no order of that id: it never was, or is forgotten."""


class Orders:
    """One gateway's orders. Used from one event loop."""

    def __init__(self, gateway: Gateway, book: Book | None = None, wall: Callable[[], float] = time.time) -> None:
        """`wall` is in Unix seconds."""
        self._gateway, self._wall = gateway, wall
        self.quotas = KeyQuotas(self._attached_of, wall)
        self._book = book or MemoryBook()

    async def place(
        self, request: GenerateRequest, client: str, asked_as: AskedAs, *,
        holding: Holding | None = None, output: Output = AS_PAINTED, attached: bool = True, lenient_tags: bool = False,
        filled: tuple[str, ...] = (),
    ) -> Order:  # fmt: skip
        """Takes a request in: its jobs are in the queue once this returns. What `holding` holds is the order's then.
        `filled` are fields of it that the client didn't say.

        Raises BadRequest (Blocked among them), BadPicture, ModelNotFound, UnusableModel, ModelChanged, Busy.
        """
        with holding or self._gateway.allowance.holding() as holding:
            incoming = Incoming(request, request, client, asked_as, lenient_tags, filled)
            plan = await prepare(self._gateway, incoming, holding, output)
            return await self.take_in(plan, client, holding, output, attached=attached, asked_as=asked_as)

    async def take_in(
        self, plan: Plan, client: str, holding: Holding, output: Output = AS_PAINTED, *, attached: bool = True,
        asked_as: AskedAs = NOBODY,
    ) -> Order:  # fmt: skip
        """As `place`, of what is planned already; `holding` holds its pictures. Raises Busy."""
        plan = standing(plan, asked_as, self._gateway.settings, self._wall())
        async with self.quotas.admitted(self._gateway.settings.key_named(plan.key), plan.jobs):
            return await self._taken_in(plan, client, holding, output, attached=attached)

    async def _taken_in(self, plan: Plan, client: str, holding: Holding, output: Output, *, attached: bool) -> Order:
        order = self._order(plan, client, output, holding.moved(), attached=attached)
        try:
            await self.begin(order, dict(enumerate(plan.jobs)))
        except BaseException:
            self._forget(order)
            raise
        return order

    async def begin(self, order: Order, jobs: Mapping[int, Submit]) -> None:
        """Puts the jobs of these of its pictures in the queue. Raises Busy, and then none of them is there."""
        await self._book.put(order)
        try:
            self._begin(order, jobs)
        except BaseException:
            self._book.drop(order.id)
            raise

    def take_back(self, order: Order, state: State, failure: Callable[[], Exception]) -> None:
        """Ends an order at once, whatever is done for it."""
        if order.state == "open":
            self._end(order, state, failure)
        self._take_back(order)
        self._book.drop(order.id)

    def events(self, order: str, since: int = 0) -> AsyncGenerator[OrderEvent]:
        """What happened to an order after its event `since`, and what does, up to its end.

        Raises UnknownOrder at once; the generator raises what the order failed with.
        """
        return self._known(order).log.read(since)

    @contextlib.contextmanager
    def attending(self, order: Order) -> Iterator[None]:
        """A connection waits for the order meanwhile: an attached one ends, and is forgotten, with the last of them."""
        order.attendants += 1
        try:
            yield
        finally:
            order.attendants -= 1
            if order.attached and not order.attendants:
                self._take_back(order)
                self._forget(order)

    def cancel(self, name: str) -> bool:
        """Takes an order back, by its id or that of a job of it that has not ended: all its readers are told.

        The device is free within a step, and then the order ends. False where there is nothing to be taken back.
        """
        order = self.find(name)
        if order is None:
            return self._gateway.pool.cancel(name)
        for index in order.open:
            self._gateway.pool.cancel(order.pictures[index].job)
        return bool(order.open)

    def skip(self, order: Order) -> None:
        """Leaves out the first picture of it that isn't done: the others come, if there are any."""
        if (index := min(order.open, default=None)) is not None:
            order.skipped.add(index)
            self._gateway.pool.cancel(order.pictures[index].job)

    def find(self, name: str) -> Order | None:
        """The order of that id, or the one that waits for the job of that id."""
        known = self._book.get(name)
        return known or next((order for order in self._book.list() if name in _jobs_of(order)), None)

    @property
    def known(self) -> list[Order]:
        """Every order that is known, in the order they came."""
        return self._book.list()

    @property
    def open(self) -> list[Order]:
        """Every order that has not ended, in the order they came."""
        return [order for order in self._book.list() if order.state == "open"]

    def _attached_of(self, key: str) -> int:
        """How many of a key's orders have not ended, but for those that last."""
        return sum(order.key == key and order.lasting is None for order in self.open)

    def _known(self, name: str) -> Order:
        order = self._book.get(name)
        if order is None:
            raise UnknownOrder(name)
        return order

    def _order(self, plan: Plan, client: str, output: Output, holding: Holding, *, attached: bool) -> Order:
        return Order(
            id=secrets.token_urlsafe(16), client=client, key=plan.key, attached=attached,
            pictures=[OrderedPicture(job.job, job.params) for job in plan.jobs], warnings=plan.warnings,
            output=output, streams=plan.progress or plan.jobs[0].preview.every > 0, progress=plan.progress,
            placed_at=self._gateway.clock(), holding=holding, log=EventLog(len(plan.jobs), keeps=not attached),
        )  # fmt: skip

    def _begin(self, order: Order, jobs: Mapping[int, Submit]) -> None:
        streams: dict[int, Events] = {}
        try:
            for index, job in jobs.items():
                streams[index] = self._gateway.pool.submit(job)
        except ImagineError:
            for index in streams:
                self._gateway.pool.cancel(jobs[index].job)
                note_taken_back(order.id, jobs[index].job)
            raise
        for index, stream in streams.items():
            order.open[index] = asyncio.create_task(self._follow(order, index, jobs[index], stream))

    async def _follow(self, order: Order, index: int, job: Submit, stream: Events) -> None:
        """Writes what happens to a job into its order's log, to the job's end or the order's."""
        try:
            async with contextlib.aclosing(stream):
                async for report in stream:
                    note_end(self._gateway, order.id, job, report)
                    await self._take(order, index, job, report)
        except Exception as error:  # noqa: BLE001 - whoever reads the order is raised it
            await self._fail(order, index, partial(_itself, error), _failed_with(job, error))
        if order.state == "open":
            return
        if order.lasting is None:
            await self._book.put(order)
        else:
            self._book.drop(order.id)
            order.lasting.keeper.ended(order)

    async def _take(self, order: Order, index: int, job: Submit, report: JobReport) -> None:
        """One thing that happened to a job. Raises what a stage of its picture does."""
        if order.lasting is not None and not order.lasting.told_begun and not isinstance(report, Queued | Failed):
            order.lasting.told_begun = True
            await order.lasting.keeper.began(order)
        if isinstance(report, Failed):
            if report.verdict is not None:
                self._gateway.note_verdict(report.verdict, order.client, job.params.prompt, key=order.key)
                order.log.withhold(index)
            is_left_out = report.verdict is not None or index in order.skipped
            if not is_left_out or not await self._leave_out(order, index, report):
                failed = await self._failure(report, job)
                await self._fail(order, index, partial(error_from_failed, failed), failed)
        elif isinstance(report, Finished):
            painted = await finish(self._gateway, report, order.output, job)
            order.warnings.extend(painted.notes)
            if order.lasting is not None:
                await order.lasting.keeper.keep(order, index, painted)
            order.log.add(index, painted.finished, painted.stored)
            self._finish(order, index)
        else:
            order.log.add(index, report)

    async def _failure(self, failed: Failed, job: Submit) -> Failed:
        """What a job failed with. Who shortens a file in use kills the process that reads it: said as what it is."""
        error = error_from_failed(failed)
        if not isinstance(error, WorkerLost) or await asyncio.to_thread(unchanged, _stamps(job)):
            return failed
        note = message("model.changed", "model", name=job.model.name)
        return Failed(job=job.job, error=ModelChanged.__name__, message=note)

    async def _leave_out(self, order: Order, index: int, refused: Failed) -> bool:
        """One of several isn't to be shown: the others come, and it is told which. False where there is no other."""
        if len(order.left_out) + 1 == len(order.pictures):
            return False
        order.left_out[index] = refused
        if order.lasting is not None:
            await order.lasting.keeper.leave_out(order, index, refused)
        order.log.add(index, refused)
        self._finish(order, index)
        return True

    def _finish(self, order: Order, index: int) -> None:
        """A picture is there, or left out; with the last of them the order ends."""
        order.open.pop(index, None)
        if not order.open and order.state == "open":
            self._end(order, "succeeded")

    async def _fail(self, order: Order, index: int, failure: Callable[[], Exception], failed: Failed) -> None:
        """An order has all its pictures that are to be shown, or fails: the others are taken back."""
        order.open.pop(index, None)
        if order.state != "open":
            return
        state: State = "cancelled" if failed.error == Cancelled.__name__ else "failed"
        if order.lasting is not None:
            self._take_back(order)  # no other of its jobs fails beside
            if not await order.lasting.keeper.fail(order, state, failed):
                self._book.drop(order.id)
                return
        if order.state == "open":
            self._end(order, state, failure)
            self._take_back(order)

    def _take_back(self, order: Order) -> None:
        """Nobody wants what is not done yet."""
        for index, task in order.open.items():
            note_taken_back(order.id, order.pictures[index].job)
            self._gateway.pool.cancel(order.pictures[index].job)
            task.cancel()
        order.open.clear()

    def _end(self, order: Order, state: State, failure: Callable[[], Exception] | None = None) -> None:
        order.state = state
        order.holding.hold(0)
        order.log.end(failure)

    def _forget(self, order: Order) -> None:
        if order.state == "open":
            self._end(order, "cancelled")
        self._book.drop(order.id)


def _jobs_of(order: Order) -> set[str]:
    """The jobs of it that have not ended."""
    return {order.pictures[index].job for index in order.open}


def _failed_with(job: Submit, error: Exception) -> Failed:
    """What is written down of an error that a stage raised; of what isn't ours, no more than that."""
    if isinstance(error, ImagineError):
        verdict = error.verdict if isinstance(error, Blocked) else None
        return Failed(job=job.job, error=type(error).__name__, message=error.note, verdict=verdict)
    return Failed(job=job.job, error=ImagineError.__name__, message=message("job.broken"))


def _itself(error: Exception) -> Exception:
    return error


def _stamps(job: Submit) -> list[FileStamp]:
    """Every file that a job reads weights of."""
    of_models = [stamp for model in job.models for stamp in model.stamps.values()]
    return of_models + [stamp for part in job.beside for stamp in part.files]

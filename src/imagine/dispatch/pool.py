"""The gateway's one door to its workers: takes jobs in, keeps them in line, hands them out, passes on what happens.

A worker batches what it holds, so it is handed several jobs at once; the rest stay here, where no crash reaches them.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import partial

import msgspec

from ..fairness.urgency import WEIGHTS, delay_of
from ..messages import message
from ..words.errors import Busy, Cancelled, WorkerLost
from ..words.events import Failed, Queued
from ..words.frames import JobReport, Ready, Stats, Submit
from ..words.keys import Priority
from .alarm import Alarm
from .attempts import Attempts
from .bringing import Bringing
from .buffer import Buffer, EventStream
from .estimates import Estimates
from .job import Counts, Job
from .ledger import JobLedger
from .models import WorkerModels
from .placement import JobPlacement
from .places import may_wait
from .queue import FairQueue
from .refusals import Refusals
from .stranded import PATIENCE, Stranded
from .tally import one_less
from .wanted import wanted_from_submit
from .worker import Events, Worker


class Pool:
    """Several workers behind one fair, bounded queue. Used from one event loop.

    A worker shares its seconds between the clients whose jobs it holds. `slots` jobs at most are handed to one at a
    time, and no client holds more than `share` of them; as many again are kept for the first job of each client, so
    that a newcomer doesn't wait for a picture of another. The queue's places are shared likewise (`places`).
    `most_at_once` says how many of a client's are made at one time at most, where that is bounded. What only a worker
    that is away has the files of waits `patience` seconds for it.
    """

    def __init__(
        self,
        workers: Sequence[Worker],
        *,
        max_queue: int = 512,
        slots: int = 32,
        share: float = 0.75,
        clock: Callable[[], float] = time.monotonic,
        most_at_once: Callable[[str], int | None] = lambda _: None,
        patience: float = PATIENCE,
    ) -> None:
        self.workers = list(workers)
        self._max_queue = max_queue
        self._share = max(1, math.ceil(slots * share))
        self._restarts_of_others = 0
        self._clock = clock
        self._most_at_once = most_at_once
        self._waiting: FairQueue[Job] = FairQueue(
            lambda job: job.cost,
            turn=lambda job: job.submit.turn,
            delay=lambda job: delay_of(job.cost * WEIGHTS[job.submit.priority], job.submit.priority),
        )
        self._estimates = Estimates()
        self._ledger = JobLedger(self._estimates)
        self._placement: JobPlacement[Worker] = JobPlacement(self.workers, slots=slots, clock=clock)
        self._bringing = Bringing(self._placement)
        self._stranded = Stranded(self._placement, self._bringing, patience)
        self._attempts = Attempts(self._placement)
        self.models = WorkerModels(self.workers, self._placement)
        self._refusals = Refusals(
            self._waiting, max_queue, estimates=self._estimates, placement=self._placement, clock=clock
        )
        self._held: Counter[Worker] = Counter()
        self._held_by_client: Counter[str] = Counter()
        self._relays: set[asyncio.Task[None]] = set()
        self._alarm = Alarm(self._look_again)
        self._able = 0
        """How many workers take jobs."""
        self._announcing = False
        self._closing = False

    async def start(self) -> None:
        """Begins to bring the workers up; returns before they are ready."""
        for worker in self.workers:
            worker.watch(partial(self._changed, worker))
        await asyncio.gather(*(worker.start() for worker in self.workers))
        for worker in self.workers:  # one that was begun before may be ready already
            self._changed(worker)

    async def stop(self, grace: float) -> None:
        """Refuses new jobs, fails the waiting ones with Busy, gives the running ones `grace` seconds to end."""
        self._closing = True
        self._alarm.cancel()
        for job in list(self._waiting):
            self._waiting.remove(job.submit.client, job)
            self._note(job, job.failed(Busy, message("server.stopping")))
        await asyncio.gather(*(worker.stop(grace) for worker in self.workers))
        if self._relays:
            await asyncio.wait(self._relays)

    async def add(self, worker: Worker) -> None:
        """Takes one more worker, and begins to bring it up; where all of them end, it isn't begun."""
        if self._closing:
            return
        worker.watch(partial(self._changed, worker))
        self.workers.append(worker)
        self._placement.add(worker)
        await worker.start()
        self._changed(worker)

    async def remove(self, worker: Worker) -> None:
        """Lets a worker go that is gone for good: what it holds is lost to it at once."""
        self.workers.remove(worker)
        self._placement.remove(worker)
        self._restarts_of_others += worker.restarts
        await worker.stop(0)
        self._turn_away(list(self._waiting))
        self._hand_out()

    @property
    def ready(self) -> list[Ready]:
        """What each worker that takes jobs said of itself; empty: nothing can run now."""
        return [worker.ready for worker in self.workers if worker.ready is not None]

    @property
    def stats(self) -> list[Stats]:
        """What each worker last said it holds."""
        return [worker.stats for worker in self.workers]

    @property
    def restarts(self) -> int:
        """How often a worker had to be started again."""
        return self._restarts_of_others + sum(worker.restarts for worker in self.workers)

    @property
    def kept(self) -> bool:
        """Is every worker started again when it is lost? Where not, only a new server helps."""
        return all(worker.kept for worker in self.workers)

    @property
    def waiting(self) -> int:
        """How many jobs stand in the queue."""
        return len(self._waiting)

    @property
    def running(self) -> int:
        """How many jobs the workers hold."""
        return self._held.total()

    def running_on(self, worker: Worker) -> int:
        """How many jobs one of the workers holds."""
        return self._held[worker]

    @property
    def counts(self) -> Counts:
        """What has happened since the start."""
        return self._ledger.counts

    @property
    def jobs(self) -> list[Job]:
        """Every job that has not ended, in the order they came."""
        return list(self._ledger.jobs.values())

    def submit(self, job: Submit) -> Events:
        """Takes a job; its events come from the iterator, and leaving it early cancels the job.

        Raises Busy when the queue is full or the server is stopping.
        """
        assert job.job not in self._ledger.jobs, f"job {job.job} is here already"
        if self._closing:
            self.counts.refused += 1
            raise Busy(message("server.stopping"), retry_after=10.0)
        if not may_wait(len(self._waiting), self._waiting.count_of(job.client), self._max_queue):
            self.counts.refused += 1
            held = self._held_by_client[job.client] >= self._most_of_one
            running = [
                each for each in self.jobs if each.worker is not None and (each.submit.client == job.client or not held)
            ]
            raise self._refusals.full(job.client, running, self.workers)
        expected = self._estimates.of(job.params)
        entry = Job(
            submit=job, buffer=Buffer(), queued_at=self._clock(), wanted=wanted_from_submit(job), expected=expected
        )
        self._ledger.jobs[job.job] = entry
        self._waiting.push(job.client, entry)
        self._turn_away([entry])
        self._hand_out()
        return EventStream(entry.buffer, lambda: self._cancel(entry))

    def cancel(self, job: str) -> bool:
        """Takes a job back: its events end with `Failed(error="Cancelled")`. False if there is no such job."""
        entry = self._ledger.jobs.get(job)
        if entry is not None:
            self._cancel(entry)
        return entry is not None

    def waits(self, job: str) -> bool:
        """Is it in the queue?"""
        entry = self._ledger.jobs.get(job)
        return entry is not None and entry.worker is None

    def rank(self, job: str, priority: Priority | None, turn: float) -> None:
        """Has a job that waits stand elsewhere among its client's, and be so urgent; None: as before."""
        entry = self._ledger.jobs[job]
        self._waiting.remove(entry.submit.client, entry)
        entry.submit = msgspec.structs.replace(entry.submit, priority=priority or entry.submit.priority, turn=turn)
        self._waiting.push(entry.submit.client, entry)
        self._hand_out()

    def _cancel(self, job: Job) -> None:
        job.unwanted = True
        if job.worker is not None:
            job.worker.cancel(job.id)
        elif not job.buffer.ended:
            self._waiting.remove(job.submit.client, job)
            self._note(job, job.failed(Cancelled, message("job.cancelled")))

    def _hand_out(self) -> None:
        """Gives the workers what they have room for; called whenever that may have changed."""
        self._able = sum(1 for worker in self.workers if worker.ready is not None)
        if self.workers and all(worker.broken for worker in self.workers):
            self._give_up()
        blocked: set[Hashable] = set()
        while not self._closing and self._placement.has_room:
            if (taken := self._waiting.take_to(partial(self._place_of, blocked))) is None:
                break
            self._begin(*taken)
        if not self._announcing:
            self._announcing = True
            asyncio.get_running_loop().call_soon(self._announce)

    @property
    def _most_of_one(self) -> int:
        """How many jobs of one client the workers hold at most."""
        return self._share * max(1, self._able)

    def _place_of(self, blocked: set[Hashable], client: str, job: Job) -> Worker | None:
        """The worker for a client's job; None where it has to wait. `blocked` are those for which there is no place."""
        held, most = self._held_by_client[client], self._most_at_once(client)
        if (most is not None and held >= most) or held >= self._most_of_one:
            return None
        kind = (job.wanted.key, held == 0, job.doubted, job.returned)
        if kind in blocked:
            return None
        may = partial(self._attempts.may_take, job)
        if (worker := self._placement.choose(job.wanted, newcomer=held == 0, may=may)) is None:
            blocked.add(kind)
        return worker

    def _changed(self, worker: Worker) -> None:
        """A worker takes jobs now, or takes none any more, or has other files."""
        if worker in self.workers:
            self._placement.notice(worker)
        self._turn_away(list(self._waiting))
        self._hand_out()

    def _turn_away(self, jobs: Iterable[Job]) -> None:
        """Ends what no worker has the files of, and what waited long enough for one that is away."""
        now = self._clock()
        for job in jobs:
            if (end := self._stranded.end_of(job, now, alone=len(self.workers) <= 1)) is not None:
                self._waiting.remove(job.submit.client, job)
                self._note(job, end)
            elif job.stranded_at is not None:
                self._alarm.ring_in(max(0.0, self._stranded.left(job, now)))

    def _look_again(self) -> None:
        self._turn_away(list(self._waiting))

    def _give_up(self) -> None:
        """No worker can be started: whoever waits is told why."""
        why = next(worker.broken for worker in self.workers if worker.broken)
        while (job := self._waiting.take()) is not None:
            self._note(job, job.failed(WorkerLost, message("worker.lost", why=why)))

    def _begin(self, job: Job, worker: Worker) -> None:
        job.worker, job.started_at, job.position = worker, self._clock(), None
        self._attempts.begin(job, worker)
        self._bringing.note(job.wanted, worker)
        self._held[worker] += 1
        self._held_by_client[job.submit.client] += 1
        self._placement.begin(job.id, job.wanted, worker)
        relay = asyncio.create_task(self._relay(job, worker))
        self._relays.add(relay)
        relay.add_done_callback(lambda relay: self._release(relay, job, worker))

    async def _relay(self, job: Job, worker: Worker) -> None:
        """Passes on what the worker says about a job, to its end."""
        async for event in worker.submit(job.submit):
            self._placement.hear(worker, event)
            if isinstance(event, Failed) and event.error == WorkerLost.__name__:
                end = self._attempts.lose(job, worker, event)
                if end is not None or job.unwanted or self._closing:
                    self._note(job, end or event)
            else:
                self._note(job, event)

    def _release(self, relay: asyncio.Task[None], job: Job, worker: Worker) -> None:
        """The worker is done with a job: frees its place, and puts it back in line if nothing came of it."""
        self._relays.discard(relay)
        self._attempts.end(job, worker)
        one_less(self._held, [worker])
        one_less(self._held_by_client, [job.submit.client])
        self._waiting.charge(job.submit.client, (job.spent - job.expected) / job.share if job.buffer.ended else 0.0)
        if not self._ledger.jobs:  # what the last one had more, too
            self._waiting.even()
        self._placement.end(job.id, worker)
        job.worker = None
        error = None if relay.cancelled() else relay.exception()
        if not job.buffer.ended:
            if error is not None:
                self._note(job, job.failed(WorkerLost, message("worker.failed", why=str(error))))
            elif job.unwanted:
                self._note(job, job.failed(Cancelled, message("job.cancelled")))
            elif self._closing:  # it was lost in the moment before
                self._note(job, job.failed(Busy, message("server.stopping")))
            else:
                self._waiting.put_back(job.submit.client, job)
                self._turn_away([job])
        self._hand_out()

    def _note(self, job: Job, event: JobReport) -> None:
        """This happened to it."""
        self._ledger.note(job, event)
        if not self._ledger.jobs:
            self._waiting.even()

    def _announce(self) -> None:
        """Tells everybody in the queue whose position changed, once for all changes of one turn of the loop."""
        self._announcing = False
        for position, job in enumerate(self._waiting):
            if job.position != position:
                job.position = position
                job.buffer.put(Queued(job=job.id, position=position))

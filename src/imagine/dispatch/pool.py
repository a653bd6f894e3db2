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
from itertools import count

import msgspec

from ..fairness.clients import key_of_client
from ..fairness.urgency import WEIGHTS, delay_of
from ..messages import message
from ..words.errors import Busy, Cancelled, WorkerLost
from ..words.events import Failed, Finished, Progress, Queued
from ..words.frames import JobReport, Loaded, Ready, Scored, Stats, Submit
from ..words.keys import Priority
from ..words.model import Model
from .buffer import Buffer, EventStream
from .estimates import Estimates
from .job import Counts, Job
from .placement import JobPlacement
from .places import may_wait
from .queue import FairQueue
from .stranded import PATIENCE, Stranded
from .tally import one_less
from .waits import Waits
from .wanted import wanted_from_model, wanted_from_submit
from .worker import Events, Worker, kind_of

_ATTEMPTS = 2
LOST_AGAIN = "worker.lost_again"
"""The code of what is said of a job that workers were lost with as often as it is tried."""


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
        self.counts = Counts()
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
        self._placement: JobPlacement[Worker] = JobPlacement(self.workers, slots=slots, clock=clock)
        self._stranded = Stranded(self._placement, patience)
        self._waits = Waits(clock)
        self._jobs: dict[str, Job] = {}
        self._held: Counter[Worker] = Counter()
        self._held_by_client: Counter[str] = Counter()
        self._doubted: set[Worker] = set()
        """Those that hold a job which was lost with a worker before."""
        self._relays: set[asyncio.Task[None]] = set()
        self._loads = count(1)
        self._alarm: asyncio.TimerHandle | None = None
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
        if self._alarm is not None:
            self._alarm.cancel()
        for job in list(self._waiting):
            self._waiting.remove(job.submit.client, job)
            self._end(job, _stopping(job))
        await asyncio.gather(*(worker.stop(grace) for worker in self.workers))
        if self._relays:
            await asyncio.wait(self._relays)

    async def add(self, worker: Worker) -> None:
        """Takes one more worker, and begins to bring it up."""
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
    def jobs(self) -> list[Job]:
        """Every job that has not ended, in the order they came."""
        return list(self._jobs.values())

    def submit(self, job: Submit) -> Events:
        """Takes a job; its events come from the iterator, and leaving it early cancels the job.

        Raises Busy when the queue is full or the server is stopping.
        """
        assert job.job not in self._jobs, f"job {job.job} is here already"
        if self._closing:
            self.counts.refused += 1
            raise Busy(message("server.stopping"), retry_after=10.0)
        if not may_wait(len(self._waiting), self._waiting.count_of(job.client), self._max_queue):
            self.counts.refused += 1
            raise self._full(job.client)
        expected = self._estimates.of(job.params)
        entry = Job(
            submit=job, buffer=Buffer(), queued_at=self._clock(), wanted=wanted_from_submit(job), expected=expected
        )
        self._jobs[job.job] = entry
        self._waiting.push(job.client, entry)
        self._turn_away([entry])
        self._hand_out()
        return EventStream(entry.buffer, lambda: self._cancel(entry))

    def cancel(self, job: str) -> bool:
        """Takes a job back: its events end with `Failed(error="Cancelled")`. False if there is no such job."""
        entry = self._jobs.get(job)
        if entry is not None:
            self._cancel(entry)
        return entry is not None

    def waits(self, job: str) -> bool:
        """Is it in the queue?"""
        entry = self._jobs.get(job)
        return entry is not None and entry.worker is None

    def rank(self, job: str, priority: Priority | None, turn: float) -> None:
        """Has a job that waits stand elsewhere among its client's, and be so urgent; None: as before."""
        entry = self._jobs[job]
        self._waiting.remove(entry.submit.client, entry)
        entry.submit = msgspec.structs.replace(entry.submit, priority=priority or entry.submit.priority, turn=turn)
        self._waiting.push(entry.submit.client, entry)
        self._hand_out()

    async def load(self, model: Model, keep_alive: float | None = None) -> Loaded:
        """Has a model ready on the worker that suits it best. Raises ImagineError."""
        self._need_workers()
        wanted = wanted_from_model(model)
        worker, load = self._placement.best_for(wanted), f"load {next(self._loads)}"
        self._placement.begin(load, wanted, worker)
        try:
            return await worker.load(model, keep_alive)
        finally:
            self._placement.end(load, worker)

    async def unload(self, model: str) -> None:
        """Lets a model go wherever it is. Raises ImagineError."""
        await asyncio.gather(*(worker.unload(model) for worker in self.workers if worker.ready is not None))

    async def score(self, checker: Model, img: bytes) -> Scored:
        """Says what is seen in a picture, by the worker that will be free first, of this machine if one is ready: who
        is elsewhere could keep everybody waiting. Raises ImagineError."""
        self._need_workers()
        worker = min(
            self.workers,
            key=lambda worker: (
                not worker.holds(checker.components),
                worker.ready is None,
                worker.away,
                self._placement.wait(worker),
            ),
        )
        return await worker.score(checker, img)

    def _need_workers(self) -> None:
        if not self.workers:
            raise WorkerLost(message("worker.none"))

    def _cancel(self, job: Job) -> None:
        job.unwanted = True
        if job.worker is not None:
            job.worker.cancel(job.id)
        elif not job.buffer.ended:
            self._waiting.remove(job.submit.client, job)
            self._end(job, _cancelled(job))

    def _hand_out(self) -> None:
        """Gives the workers what they have room for; called whenever that may have changed."""
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
        return self._share * max(1, len(self.workers))

    def _may_take(self, job: Job, worker: Worker) -> bool:
        """Of jobs that were lost with a worker before, a worker has one at a time: one of them may be what workers die
        of, and a second death ends all that have died once. One that was given back is for another, if there is one."""
        if worker is job.returned and self._placement.is_able(job.wanted, beside=worker):
            return False
        return job.attempts == 0 or worker not in self._doubted

    def _place_of(self, blocked: set[Hashable], client: str, job: Job) -> Worker | None:
        """The worker for a client's job; None where it has to wait. `blocked` are those for which there is no place."""
        held, most = self._held_by_client[client], self._most_at_once(client)
        if (most is not None and held >= most) or held >= self._most_of_one:
            return None
        kind = (job.wanted.key, held == 0, job.attempts == 0, job.returned)
        if kind in blocked:
            return None
        may = partial(self._may_take, job)
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
                self._end(job, end)
            elif job.stranded_at is not None:
                self._look_again_in(max(0.0, self._stranded.left(job, now)))

    def _look_again_in(self, seconds: float) -> None:
        """Or before that, where it is to be looked sooner."""
        loop = asyncio.get_running_loop()
        if self._alarm is not None:
            if self._alarm.when() <= loop.time() + seconds:
                return
            self._alarm.cancel()
        self._alarm = loop.call_later(seconds, self._look_again)

    def _look_again(self) -> None:
        self._alarm = None
        self._turn_away(list(self._waiting))

    def _give_up(self) -> None:
        """No worker can be started: whoever waits is told why."""
        why = next(worker.broken for worker in self.workers if worker.broken)
        while (job := self._waiting.take()) is not None:
            self._end(job, Failed(job=job.id, error=WorkerLost.__name__, message=message("worker.lost", why=why)))

    def _begin(self, job: Job, worker: Worker) -> None:
        job.worker, job.started_at, job.position = worker, self._clock(), None
        job.attempts += 1
        if job.attempts > 1:
            self._doubted.add(worker)
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
                job.returned = worker if worker.ready is not None or worker.away else None
                self._lose(job, event)
            else:
                self._note(job, event)

    def _lose(self, job: Job, event: Failed) -> None:
        """A job's worker was lost: the job is made again, from its beginning, unless it may be what workers die of."""
        job.lost = event.message
        job.progress, job.spent = None, 0.0
        if job.attempts >= _ATTEMPTS:
            why = message(LOST_AGAIN, why=event.message)
            self._note(job, Failed(job=job.id, error=event.error, message=why))
        elif job.unwanted or self._closing:
            self._note(job, event)

    def _release(self, relay: asyncio.Task[None], job: Job, worker: Worker) -> None:
        """The worker is done with a job: frees its place, and puts it back in line if nothing came of it."""
        self._relays.discard(relay)
        if job.attempts > 1:
            self._doubted.discard(worker)
        one_less(self._held, [worker])
        one_less(self._held_by_client, [job.submit.client])
        self._waiting.charge(job.submit.client, (job.spent - job.expected) / job.share if job.buffer.ended else 0.0)
        if not self._jobs:  # what the last one had more, too
            self._waiting.even()
        self._placement.end(job.id, worker)
        job.worker = None
        error = None if relay.cancelled() else relay.exception()
        if not job.buffer.ended:
            if error is not None:
                self._end(
                    job, Failed(job=job.id, error=WorkerLost.__name__, message=message("worker.failed", why=str(error)))
                )
            elif job.unwanted:
                self._end(job, _cancelled(job))
            elif self._closing:  # it was lost in the moment before
                self._end(job, _stopping(job))
            else:
                self._waiting.put_back(job.submit.client, job)
                self._turn_away([job])
        self._hand_out()

    def _note(self, job: Job, event: JobReport) -> None:
        if isinstance(event, Progress):
            job.progress, job.spent = event, event.spent
            self._estimates.learn(job.submit.params, event.done, event.spent)
            self.counts.steps += 1
        if isinstance(event, Finished) and job.lost is not None:
            event = msgspec.structs.replace(event, warnings=[*event.warnings, message("worker.again", why=job.lost)])
        if isinstance(event, Failed | Finished):
            self._end(job, event)
        else:
            job.buffer.put(event)

    def _end(self, job: Job, event: Failed | Finished) -> None:
        """The last event of a job: counted, passed on, forgotten."""
        if isinstance(event, Finished):
            self.counts.finished += 1
            if (key := key_of_client(job.submit.client)) is not None:
                self.counts.made[key] += 1
            job.spent = max(job.spent, event.spent)
        else:
            self.counts.failed[kind_of(event).__name__] += 1
        job.buffer.put(event)
        del self._jobs[job.id]
        if not self._jobs:
            self._waiting.even()

    def _full(self, client: str) -> Busy:
        """Why there is no place for a client's job, and when there should be one."""
        running = [job for job in self._jobs.values() if job.worker is not None]
        if self._held_by_client[client] >= self._most_of_one:
            running = [job for job in running if job.submit.client == client]
        seconds = self._waits.seconds(
            client, [(job.submit.client, self._left(job)) for job in running],
            each=self._waiting.seconds / max(1, len(self._waiting)), workers=self._capacity,
        )  # fmt: skip
        own, most, again = self._waiting.count_of(client), self._max_queue, math.ceil(seconds)
        if len(self._waiting) < most:
            refusal = message("busy.share", own=own, most=most, seconds=again)
        else:
            refusal = message("busy.queue", most=most, seconds=again)
        return Busy(refusal, retry_after=seconds)

    @property
    def _capacity(self) -> float:
        """How many workers of mean speed those are as much as that take jobs; all of them, where none does."""
        able = [worker for worker in self.workers if worker.ready] or self.workers
        return self._placement.paces.capacity(able) or 1.0

    def _left(self, job: Job) -> float:
        """Seconds of its device that a job which runs needs yet."""
        done = job.progress.done if job.progress is not None else 0.0
        return self._estimates.of(job.submit.params) * self._placement.paces.slowness(job.worker) * (1 - done)

    def _announce(self) -> None:
        """Tells everybody in the queue whose position changed, once for all changes of one turn of the loop."""
        self._announcing = False
        for position, job in enumerate(self._waiting):
            if job.position != position:
                job.position = position
                job.buffer.put(Queued(job=job.id, position=position))


def _cancelled(job: Job) -> Failed:
    return Failed(job=job.id, error=Cancelled.__name__, message=message("job.cancelled"))


def _stopping(job: Job) -> Failed:
    return Failed(job=job.id, error=Busy.__name__, message=message("server.stopping"))

"""The pool with a worker that does as it is told: fairness, bounds, losses, the end. Then with a real one."""

import asyncio
import gc
import os
import signal
import sys
from pathlib import Path

import msgspec
import pytest

from imagine.dispatch.attempts import LOST_AGAIN
from imagine.dispatch.buffer import Buffer, EventStream
from imagine.dispatch.job import Job
from imagine.dispatch.limits import Restarts
from imagine.dispatch.pool import Pool
from imagine.dispatch.process import ProcessWorker
from imagine.messages import in_english, message
from imagine.words.errors import Busy, WorkerLost
from imagine.words.events import Failed, Finished, Loading, Progress, Queued
from imagine.words.frames import Loaded, Ready, ResidentModel, Stats, WorkerSettings
from tests.models import model_at
from tests.worker.fake_engine import MODEL, submit

FAKE = [sys.executable, str(Path(__file__).parents[1] / "worker/fake_worker.py")]
PATIENCE = 600.0
"""Seconds: for what hangs, not for what is slow."""


class ToldWorker:
    """A `Worker` without a process: a test says what happens to each job it holds."""

    def __init__(self, ready=True):
        self.place = "told"
        self.ready = Ready(device="told") if ready else None
        self.broken = None
        self.stats = Stats()
        self.restarts = 0
        self.away = False
        self.cut_off = False
        self.brings = None
        self.held = {}
        self.cancelled = []
        self.changed = lambda: None

    def holds(self, parts):
        return True

    def watch(self, changed):
        self.changed = changed

    async def start(self):
        pass

    async def stop(self, grace):
        self.lose("was stopped")

    def submit(self, job):
        self.held[job.job] = Buffer()
        return EventStream(self.held[job.job], lambda: self.cancel(job.job))

    def cancel(self, job):
        self.cancelled.append(job)

    async def load(self, model, keep_alive=None):
        self.stats = Stats(models=[ResidentModel(name=model.name, digest=model.digest, identity=model.identity)])
        return Loaded(job="load", model=model.name)

    async def unload(self, model):
        self.stats = Stats()

    def tell(self, event):
        (self.held.pop if isinstance(event, Finished | Failed) else self.held.get)(event.job).put(event)

    def finish(self, job):
        self.tell(Finished(job=job, data=b"png", meta={}, timings={}))

    def fail(self, job, error="OutOfMemory"):
        self.tell(Failed(job=job, error=error, message=in_english("no")))

    def lose(self, why, ready=None):
        self.ready = ready
        for job in list(self.held):
            self.tell(Failed(job=job, error="WorkerLost", message=in_english(f"the worker {why}")))

    def turn(self, *, ready=None, broken=None):
        self.ready, self.broken = ready, broken
        self.changed()


async def settle():
    """Lets every task that can run do so."""
    for _ in range(20):
        await asyncio.sleep(0)


async def rest(stream):
    async with asyncio.timeout(PATIENCE):
        return [event async for event in stream]


def pooled(act, *workers, **options):
    async def go():
        pool = Pool(workers, **options)
        await pool.start()
        await act(pool)
        await pool.stop(0)
        await settle()
        assert pool.jobs == []
        assert (pool.waiting, pool.running) == (0, 0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(go())


def test_who_takes_no_jobs_counts_for_nothing_in_what_one_client_may_have():
    here, broken = ToldWorker(), ToldWorker(ready=False)

    async def act(pool):
        streams = [pool.submit(submit(str(number), client="a")) for number in range(8)]
        await settle()
        assert len(here.held) == 2
        broken.ready = Ready(device="told")
        broken.changed()
        await settle()
        assert len(here.held) + len(broken.held) == 4
        del streams

    pooled(act, here, broken, slots=4, share=0.5)


def test_what_a_worker_says_is_passed_on_and_counted():
    worker = ToldWorker()

    async def act(pool):
        stream = pool.submit(submit("1"))
        await settle()
        said = [Loading(job="1", model="m"), Progress(job="1", step=1, steps=2), Progress(job="1", step=2, steps=2)]
        for event in said:
            worker.tell(event)
        await settle()
        assert pool.jobs[0].progress.step == 2
        worker.finish("1")
        assert (await rest(stream))[:-1] == said
        failing = pool.submit(submit("2"))
        await settle()
        worker.fail("2")
        await rest(failing)
        odd = pool.submit(submit("3"))
        await settle()
        worker.fail("3", "a name of its own")
        await rest(odd)
        failed = {"OutOfMemory": 1, "ImagineError": 1}
        assert (pool.counts.finished, pool.counts.failed, pool.counts.steps) == (1, failed, 2)

    pooled(act, worker)


def test_a_worker_is_handed_several_jobs_and_the_rest_wait_in_turn():
    worker = ToldWorker()

    async def act(pool):
        names = ("a1", "a2", "a3", "a4", "b1", "b2", "c1", "d1", "e1")
        streams = {name: pool.submit(submit(name, client=name[0])) for name in names}
        await settle()
        assert list(worker.held) == ["a1", "a2", "b1", "c1", "d1", "e1"], "places are kept for each client's first"
        assert (pool.running, pool.waiting) == (6, 3)
        assert await anext(streams["b2"]) == Queued(job="b2", position=1)
        assert await anext(streams["a4"]) == Queued(job="a4", position=2)
        for name in ("b1", "c1", "d1"):
            worker.finish(name)
            await settle()
        assert list(worker.held) == ["a1", "a2", "e1", "b2"]
        assert await anext(streams["a4"]) == Queued(job="a4", position=1)
        unchanged = asyncio.create_task(anext(streams["a4"]))
        worker.changed()
        await settle()
        assert not unchanged.done()
        worker.finish("e1")
        worker.finish("b2")
        await settle()
        assert list(worker.held) == ["a1", "a2"], "one client never holds every slot"
        worker.finish("a1")
        await settle()
        assert list(worker.held) == ["a2", "a3"]
        assert await unchanged == Queued(job="a4", position=0)

    pooled(act, worker, slots=3, share=0.6)


def test_a_job_that_need_not_wait_is_told_no_position():
    worker = ToldWorker()

    async def act(pool):
        stream = pool.submit(submit("1"))
        await settle()
        worker.finish("1")
        assert [type(event) for event in await rest(stream)] == [Finished]

    pooled(act, worker)


def refused(pool, name, client="a"):
    with pytest.raises(Busy) as busy:
        pool.submit(submit(name, client=client))
    return busy.value


def test_a_full_queue_refuses_and_says_when_to_come_back():
    """By the seconds that steps were measured to take, of what is queued; a time of its own for each refusal."""
    worker, now = ToldWorker(), [0.0]

    async def act(pool):
        streams = [pool.submit(submit(str(number), steps=10)) for number in range(5)]
        await settle()
        for name in ("0", "1"):
            worker.tell(Progress(job=name, step=5, steps=10, spent=20.0))
        await settle()
        busy = refused(pool, "one too many")
        assert busy.note.code == "busy.queue"
        first = 20.0 * 2
        assert busy.retry_after == pytest.approx(first), "each has 20 s of the device to go, and both share it"
        again = refused(pool, "another").retry_after
        assert again > first
        now[0] += again
        for name in ("0", "1"):
            worker.tell(Progress(job=name, step=9, steps=10, spent=36.0))
        await settle()
        assert refused(pool, "later").retry_after == pytest.approx(8.0)
        assert pool.counts.refused == 3
        await streams[-1].aclose()
        pool.submit(submit("fits"))

    pooled(act, worker, max_queue=3, slots=2, share=1.0, clock=lambda: now[0])


def test_one_client_can_not_fill_the_queue():
    worker = ToldWorker()

    async def act(pool):
        streams, refusals = [], {}
        for client, wanted in (("flood", 600), ("second", 600), ("newcomer", 8), *((f"{n}", 1) for n in range(40))):
            for number in range(wanted):
                try:
                    streams.append(pool.submit(submit(f"{client} {number}", client=client)))
                except Busy as busy:
                    refusals.setdefault(client, busy)
        assert list(refusals) == ["flood", "second"], "eight of eight, and one of everybody's"
        assert {busy.note.code for busy in refusals.values()} == {"busy.share"}
        assert refusals["flood"].note.values["own"] == 384
        assert all(1 <= busy.retry_after <= 600 for busy in refusals.values())
        del streams

    pooled(act, worker)


def test_nothing_that_was_accepted_is_given_up_for_others():
    worker = ToldWorker()

    async def act(pool):
        flood = [pool.submit(submit(f"flood {number}", client="flood")) for number in range(12 + 24)]
        others = [pool.submit(submit(f"{number}", client=f"{number}")) for number in range(40)]
        ends = asyncio.gather(*map(rest, flood + others))
        while not ends.done():
            await settle()
            for job in list(worker.held):
                worker.finish(job)
        assert {type(events[-1]) for events in ends.result()} == {Finished}

    pooled(act, worker, max_queue=16)


def test_what_frees_a_slot_is_given_to_who_had_least_of_the_device():
    worker, order = ToldWorker(), []

    async def act(pool):
        streams = [pool.submit(submit(f"{client}{n}", client=client)) for client in "abcd" for n in range(9)]
        while len(order) < 24:
            await settle()
            job = next(iter(worker.held))
            order.append(job[0])
            spent = 30.0 if job[0] == "a" else 1.0
            worker.tell(Progress(job=job, step=10, steps=10, spent=spent))
            worker.finish(job)
        del streams

    pooled(act, worker, slots=1, share=1.0)
    assert 1 <= order.count("a") <= 3, "its pictures take thirty times as long"


def test_what_a_client_had_while_nobody_else_wanted_anything_is_forgotten():
    worker = ToldWorker()

    async def act(pool):
        alone = pool.submit(submit("a1", client="a"))
        await settle()
        worker.tell(Progress(job="a1", step=10, steps=10, spent=60.0))
        worker.finish("a1")
        await rest(alone)
        await settle()
        worker.turn()
        first, second = pool.submit(submit("a2", client="a")), pool.submit(submit("b1", client="b"))
        assert await anext(first) == Queued(job="a2", position=0)
        assert await anext(second) == Queued(job="b1", position=1)

    pooled(act, worker)


def test_a_job_is_cancelled_while_it_waits_and_never_reaches_a_worker():
    worker = ToldWorker(ready=False)

    async def act(pool):
        cancelled, left, kept = (pool.submit(submit(name)) for name in ("cancelled", "left", "kept"))
        assert pool.cancel("cancelled")
        assert not pool.cancel("unknown")
        assert (await rest(cancelled))[-1].error == "Cancelled"
        await left.aclose()
        worker.turn(ready=Ready(device="told"))
        await settle()
        assert list(worker.held) == ["kept"]
        worker.finish("kept")
        assert isinstance((await rest(kept))[-1], Finished)
        assert pool.counts.failed == {"Cancelled": 2}

    pooled(act, worker)


@pytest.mark.parametrize("leave", ["ask", "close", "cancel", "forget"])
def test_a_running_job_that_nobody_wants_is_taken_back_and_holds_its_slot_until_the_device_is_free(leave):
    worker = ToldWorker()

    async def act(pool):
        stream = pool.submit(submit("1"))
        await settle()
        worker.tell(Loading(job="1", model="m"))
        waiting = pool.submit(submit("2"))
        if leave == "ask":
            pool.cancel("1")
        elif leave == "close":
            await stream.aclose()
        elif leave == "cancel":
            task = asyncio.create_task(rest(stream))
            await settle()
            task.cancel()
        else:
            del stream
            gc.collect()
        await settle()
        assert worker.cancelled == ["1"]
        assert list(worker.held) == ["1"]
        worker.fail("1", "Cancelled")
        await settle()
        assert list(worker.held) == ["2"]
        del waiting
        await settle()
        worker.fail("2", "Cancelled")

    pooled(act, worker, slots=1)


def test_a_lost_workers_jobs_move_to_another_and_begin_anew():
    left, right = ToldWorker(), ToldWorker(ready=False)

    async def act(pool):
        streams = [pool.submit(submit(name)) for name in ("begun", "handed", "waiting")]
        await settle()
        left.tell(Progress(job="begun", step=1, steps=2))
        await settle()
        left.lose("was killed by SIGKILL")
        await settle()
        assert (pool.running, pool.waiting) == (0, 3)
        right.turn(ready=Ready(device="told"))
        for held in ("handed", "begun"):  # of what was lost one at a time
            await settle()
            assert sorted(right.held) == [held, "waiting"]
            right.tell(Progress(job=held, step=1, steps=2))
            right.finish(held)
        await settle()
        right.finish("waiting")
        begun, handed, waiting = [await rest(stream) for stream in streams]
        assert [event.step for event in begun if isinstance(event, Progress)] == [1, 1], "its steps begin anew"
        ends = [[event for event in events if isinstance(event, Finished)] for events in (begun, handed, waiting)]
        again = ["it was begun a second time, since the worker was killed by SIGKILL"]
        assert [[[*map(str, end.warnings)] for end in each] for each in ends] == [[again], [again], [[]]]

    pooled(act, left, right, slots=2, share=1.0)


def test_what_was_lost_with_a_machine_that_is_cut_off_moves_at_once():
    far, here = ToldWorker(), ToldWorker(ready=False)
    far.away = far.cut_off = True

    async def act(pool):
        streams = [pool.submit(submit(name)) for name in "abc"]
        await settle()
        far.lose("is silent")
        here.turn(ready=Ready(device="told"))
        await settle()
        assert sorted(here.held) == ["a", "b", "c"], "none of them is what it was lost of"
        here.lose("was killed")
        ends = [(await rest(stream))[-1] for stream in streams]
        assert [end.message.code for end in ends] == [LOST_AGAIN] * 3

    pooled(act, far, here)


def test_what_workers_die_of_is_told_so_and_costs_no_other_job_its_second_attempt():
    worker = ToldWorker()

    async def act(pool):
        streams = {name: pool.submit(submit(name, client=name)) for name in ("bad", "beside", "late")}
        await settle()
        assert len(worker.held) == 3
        worker.lose("was killed")
        for _ in streams:
            await settle()
            worker.turn(ready=Ready(device="told"))
            await settle()
            (held,) = worker.held
            if held == "bad":
                worker.lose("was killed")
            else:
                worker.finish(held)
        ends = {name: (await rest(stream))[-1] for name, stream in streams.items()}
        bad = ends.pop("bad")
        assert (bad.error, bad.message.code) == ("WorkerLost", LOST_AGAIN)
        assert str(bad.message) == (
            "the worker was killed; that is the second time with this picture, so it isn't tried again"
        )
        assert {type(end) for end in ends.values()} == {Finished}

    pooled(act, worker)


def test_workers_come_and_go_and_their_jobs_wait_for_others():
    first, second = ToldWorker(), ToldWorker()
    first.restarts = 2

    async def act(pool):
        with pytest.raises(WorkerLost, match="no machine is here yet"):
            await pool.models.load(MODEL)
        stream = pool.submit(submit("1"))
        await settle()
        assert (pool.running, pool.waiting) == (0, 1)
        await pool.add(first)
        await settle()
        assert list(first.held) == ["1"]
        await pool.remove(first)
        await settle()
        assert (pool.ready, pool.running, pool.waiting, pool.restarts) == ([], 0, 1, 2)
        assert not pool._held, "who is gone for good is forgotten"
        await pool.add(second)
        await settle()
        second.finish("1")
        assert isinstance((await rest(stream))[-1], Finished)

    pooled(act)


def test_what_a_worker_gives_back_and_goes_on_is_for_another_if_there_is_one():
    left, right = ToldWorker(), ToldWorker()

    async def act(pool):
        stream = pool.submit(submit("1"))
        await settle()
        left.fail("1", "WorkerLost")
        await settle()
        assert (list(left.held), list(right.held)) == ([], ["1"])
        right.finish("1")
        assert isinstance((await rest(stream))[-1], Finished)
        right.turn()
        stream = pool.submit(submit("2"))
        await settle()
        left.fail("2", "WorkerLost")
        await settle()
        left.finish("2")
        assert isinstance((await rest(stream))[-1], Finished)

    pooled(act, left, right)


@pytest.mark.parametrize("moments", [0, 1, 2, 3])
def test_a_job_that_is_lost_in_the_moment_in_which_the_pool_stops_ends_too(moments):
    worker = ToldWorker()

    async def act(pool):
        stream = pool.submit(submit("1"))
        await settle()
        worker.lose("was killed")
        for _ in range(moments):
            await asyncio.sleep(0)
        await pool.stop(0)
        await settle()
        assert pool.jobs == []
        assert isinstance((await rest(stream))[-1], Failed)

    pooled(act, worker)


@pytest.mark.parametrize("moments", [None, 0, 1, 2, 3])
def test_a_job_cancelled_while_its_worker_is_lost_is_not_tried_again(moments):
    worker = ToldWorker()

    async def act(pool):
        stream = pool.submit(submit("1"))
        await settle()
        if moments is None:
            pool.cancel("1")
        worker.lose("was killed", ready=None)
        for _ in range(moments or 0):
            await asyncio.sleep(0)
        pool.cancel("1")
        assert isinstance((await rest(stream))[-1], Failed)
        worker.turn(ready=Ready(device="told"))
        await settle()
        assert worker.held == {}

    pooled(act, worker)


def test_a_worker_that_can_not_be_started_fails_whoever_waits_and_whoever_comes():
    worker = ToldWorker(ready=False)

    async def act(pool):
        early = pool.submit(submit("early"))
        await settle()
        worker.turn(broken="can't be started: no libcuda")
        late = pool.submit(submit("late"))
        for stream in (early, late):
            assert str((await rest(stream))[-1].message) == "the worker can't be started: no libcuda"
        worker.turn(ready=Ready(device="told"))
        better = pool.submit(submit("better"))
        await settle()
        worker.finish("better")
        assert isinstance((await rest(better))[-1], Finished)

    pooled(act, worker)


def test_a_worker_that_breaks_its_word_fails_the_job():
    class Rude(ToldWorker):
        def submit(self, job):
            raise OSError("no route to host")

    async def act(pool):
        last = (await rest(pool.submit(submit("1"))))[-1]
        assert (last.error, str(last.message)) == ("WorkerLost", "the worker failed: no route to host")

    pooled(act, Rude())


def test_jobs_go_where_their_model_is_then_where_there_is_room():
    left, right = ToldWorker(), ToldWorker()
    other = model_at("", "other")

    async def act(pool):
        await pool.models.load(MODEL)
        await pool.models.load(other)
        assert [len(worker.stats.models) for worker in (left, right)] == [1, 1]
        left.stats, right.stats = right.stats, left.stats
        jobs = [pool.submit(submit("1")), pool.submit(submit("2"))]
        await settle()
        assert (list(left.held), list(right.held)) == ([], ["1", "2"])
        jobs.append(pool.submit(submit("3")))
        await settle()
        assert (list(left.held), list(right.held)) == (["3"], ["1", "2"])
        await pool.models.unload("m")
        assert pool.stats == [Stats(), Stats()]

    pooled(act, left, right, slots=2, share=1.0)


def test_what_is_loaded_or_looked_at_goes_to_who_has_the_files():
    poor, rich = ToldWorker(), ToldWorker()
    poor.holds = lambda parts: not list(parts)

    async def act(pool):
        await pool.models.load(MODEL)
        assert (poor.stats.models, [model.name for model in rich.stats.models]) == ([], ["m"])

    pooled(act, poor, rich)


def test_a_recipe_goes_where_its_bits_are_made_and_elsewhere_where_nobody_makes_them():
    left, right = ToldWorker(), ToldWorker()
    left.ready, right.ready = (Ready(device="told", environment={"name": name}) for name in ("here", "there"))

    async def act(pool):
        await left.load(MODEL)
        made = [{}, {"name": "there", "dtype": "float32"}, {"name": "nowhere"}]
        for number, environment in enumerate(made):
            stream = pool.submit(msgspec.structs.replace(submit(str(number)), environment=environment))
            await settle()
            (worker,) = (each for each in (left, right) if each.held)
            assert (number, worker) == (number, right if number == 1 else left)
            worker.finish(str(number))
            assert isinstance((await rest(stream))[-1], Finished)
            await settle()

    pooled(act, left, right)


def test_what_came_from_elsewhere_goes_no_further_and_a_worker_elsewhere_needs_its_files():
    """Else a job would go round between two servers that name each other."""
    away, own = ToldWorker(), ToldWorker()
    away.away = True

    async def act(pool):
        held = pool.submit(submit("held"))
        await settle()
        assert list(away.held) == ["held"], "the first of those that are free"
        foreign = pool.submit(msgspec.structs.replace(submit("foreign"), foreign=True))
        away.holds = lambda _: False
        away.changed()
        without = pool.submit(submit("without", client="b"))
        await settle()
        assert (list(away.held), sorted(own.held)) == (["held"], ["foreign", "without"])
        for job in ("foreign", "without"):
            own.finish(job)
        away.finish("held")
        for stream in (held, foreign, without):
            await rest(stream)

    pooled(act, away, own)


def test_what_was_lost_elsewhere_is_made_by_another_where_there_is_one():
    """Else one that drops its connection at each job would use up both attempts."""
    away, own = ToldWorker(), ToldWorker()
    away.away = True

    async def act(pool):
        stream = pool.submit(submit("1"))
        await settle()
        assert list(away.held) == ["1"]
        away.lose("dropped the connection")
        away.turn(ready=Ready(device="told"))
        await settle()
        assert (list(away.held), list(own.held)) == ([], ["1"])
        own.finish("1")
        assert isinstance((await rest(stream))[-1], Finished)

    pooled(act, away, own)


def test_a_picture_is_looked_at_by_this_machine_where_it_can():
    away, own = ToldWorker(), ToldWorker()
    away.away = True
    for worker in (away, own):
        worker.score = lambda checker, img, worker=worker: told_of(worker)

    async def told_of(worker):
        return worker

    async def act(pool):
        assert await pool.models.score(MODEL, b"") is own
        own.turn(ready=None)
        assert await pool.models.score(MODEL, b"") is away

    pooled(act, away, own)


def test_jobs_of_one_model_stay_together_before_it_is_loaded():
    left, right = ToldWorker(), ToldWorker()
    other = model_at("", "other")

    async def act(pool):
        jobs = [submit("1"), msgspec.structs.replace(submit("2"), model=other), submit("3"), submit("4")]
        streams = [pool.submit(job) for job in jobs]
        await settle()
        assert (list(left.held), list(right.held)) == (["1", "3", "4"], ["2"])
        del streams

    pooled(act, left, right)


def test_a_stopping_pool_refuses_fails_who_waits_and_lets_who_runs_end():
    class Patient(ToldWorker):
        async def stop(self, grace):
            assert grace == 30
            for job in list(self.held):
                self.finish(job)

    worker = Patient()

    async def act(pool):
        runs, waits = pool.submit(submit("1")), pool.submit(submit("2"))
        await settle()
        await pool.stop(30)
        assert isinstance((await rest(runs))[-1], Finished)
        assert (await rest(waits))[-1] == Failed(job="2", error="Busy", message=message("server.stopping"))
        with pytest.raises(Busy, match="stopping"):
            pool.submit(submit("3"))
        worker.stop = ToldWorker().stop

    pooled(act, worker, slots=1)


def test_a_thousand_jobs_come_and_go():
    worker = ToldWorker()

    async def act(pool):
        for start in range(0, 1000, 50):
            names = [str(start + number) for number in range(50)]
            streams = [pool.submit(submit(name, client=f"client {name}")) for name in names]
            while pool.jobs:
                await settle()
                for job in list(worker.held):
                    worker.finish(job)
            assert [(await rest(stream))[-1].job for stream in streams] == names
        assert pool.counts.finished == 1000
        assert pool._held_by_client == {}
        assert len(pool._waiting._clients) == 0
        del streams
        gc.collect()
        assert not [thing for thing in gc.get_objects() if type(thing) in (Job, Buffer)]

    pooled(act, worker)


def test_with_a_real_worker_killed_in_the_middle_the_queue_survives_without_help():
    async def go():
        pool = Pool([ProcessWorker(WorkerSettings(), command=FAKE, restarts=Restarts(first=0.01))], slots=2, share=1.0)
        await pool.start()
        running = pool.submit(submit("r", "slow", steps=10**6))
        waiting = [pool.submit(submit(f"w{number}", client=f"client {number}")) for number in range(20)]
        async with asyncio.timeout(PATIENCE):
            for life in range(2):
                async for event in running:
                    if isinstance(event, Progress) and event.step == 1:
                        break
                if life == 0:
                    os.kill(pool.workers[0].pid, signal.SIGKILL)
        await running.aclose()
        ends = await asyncio.gather(*map(rest, waiting))
        assert [events[-1].data for events in ends] == [f"png of w{number}".encode() for number in range(20)]
        assert pool.restarts == 1
        await pool.stop(PATIENCE)

    asyncio.run(go())


def test_with_a_real_worker_that_dies_of_one_job_every_other_is_done():
    async def go():
        pool = Pool([ProcessWorker(WorkerSettings(), command=FAKE, restarts=Restarts(first=0.01))], slots=4)
        await pool.start()
        streams = {
            name: pool.submit(submit(name, "killed" if name == "bad" else "fox", client=name))
            for name in ("bad", *(str(number) for number in range(30)))
        }
        ends = dict(zip(streams, await asyncio.gather(*map(rest, streams.values())), strict=True))
        assert ends.pop("bad")[-1].error == "WorkerLost"
        assert {type(events[-1]) for events in ends.values()} == {Finished}
        await pool.stop(PATIENCE)

    asyncio.run(go())

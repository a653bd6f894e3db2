"""The pool with workers that have different files: who is passed, who waits for one that is away, who is refused."""

import asyncio

import msgspec

from imagine.words.events import Finished, Queued
from imagine.words.frames import Ready
from tests.dispatch.test_dispatch_pool import ToldWorker, pooled, rest, settle
from tests.models import model_at
from tests.worker.fake_engine import submit

READY = Ready(device="told")


class FileKeeper(ToldWorker):
    """Has the files of these digests alone."""

    def __init__(self, *digests, ready=True):
        super().__init__(ready)
        self.digests = set(digests)

    def holds(self, parts):
        return all(part.digest in self.digests for part in parts)


def asking(name, digest, client="a"):
    return msgspec.structs.replace(submit(name, client=client), model=model_at("", digest, digest=digest))


def test_who_has_to_wait_for_a_busy_worker_holds_nobody_up_and_is_next_there():
    both, one = FileKeeper("x", "y"), FileKeeper("y")

    async def act(pool):
        streams = [pool.submit(asking(f"x{n}", "x")) for n in range(4)]
        streams += [pool.submit(asking(f"y{n}", "y", client=c)) for n, c in enumerate("aabc")]
        await settle()
        assert (list(both.held), list(one.held)) == (["x0", "x1"], ["y0", "y1", "y2", "y3"])
        assert await anext(streams[2]) == Queued(job="x2", position=0)
        both.finish("x0")
        await settle()
        assert list(both.held) == ["x1", "x2"]
        del streams

    pooled(act, both, one, slots=2, share=1.0)


def test_what_nobody_has_is_refused_at_once_and_so_is_what_only_a_broken_worker_has():
    here, broken = FileKeeper("x"), FileKeeper("y")

    async def act(pool):
        broken.turn(ready=None)
        (end,) = await rest(pool.submit(asking("1", "nowhere")))
        assert (end.error, end.message.code) == ("UnusableModel", "worker.without")
        waits = pool.submit(asking("2", "y"))
        await settle()
        broken.turn(broken="can't be started: no driver")
        (*_, end) = await rest(waits)
        assert (end.error, end.message.code) == ("WorkerLost", "worker.lost")

    pooled(act, here, broken)


def test_who_is_away_is_waited_for_and_not_for_ever():
    here, away, now = FileKeeper("x"), FileKeeper("y"), [0.0]

    async def act(pool):
        away.turn(ready=None)
        first = pool.submit(asking("1", "y"))
        await settle()
        assert await anext(first) == Queued(job="1", position=0)
        now[0] = 50.0
        away.turn(ready=READY)
        await settle()
        away.finish("1")
        assert isinstance((await rest(first))[-1], Finished)
        away.turn(ready=None)
        second = pool.submit(asking("2", "y"))
        now[0] = 149.0
        here.changed()
        await settle()
        assert pool.waiting == 1
        now[0] = 150.0
        here.changed()
        (*_, end) = await rest(second)
        assert (end.error, end.message.code) == ("WorkerLost", "worker.away")

    pooled(act, here, away, patience=100.0, clock=lambda: now[0])


def test_what_only_one_had_that_left_in_the_middle_of_it_is_not_waited_for():
    here, gone = FileKeeper("x"), FileKeeper("y")

    async def act(pool):
        stream = pool.submit(asking("1", "y"))
        await settle()
        assert list(gone.held) == ["1"]
        await pool.remove(gone)
        await settle()
        assert pool.jobs == []
        (*_, end) = await rest(stream)
        assert (end.error, end.message.code) == ("UnusableModel", "worker.without")

    pooled(act, here, gone)


def test_it_looks_again_when_the_first_of_them_has_waited_long_enough():
    here, away, now = FileKeeper("x"), FileKeeper("y", ready=False), [0.0]

    async def act(pool):
        streams = [pool.submit(asking("first", "y"))]
        now[0] = 5000.0
        streams.append(pool.submit(asking("second", "y")))
        pool.rank("second", None, -1.0)
        pool._look_again()
        left = pool._alarm.when - asyncio.get_running_loop().time()
        assert left <= 5000.0, "as long as the first has, which stands behind the second"
        del streams

    pooled(act, here, away, patience=10_000.0, clock=lambda: now[0])


def test_it_ends_by_itself_where_nothing_else_happens():
    here, away = FileKeeper("x"), FileKeeper("y", ready=False)

    async def act(pool):
        (*_, end) = await rest(pool.submit(asking("1", "y")))
        assert end.message.code == "worker.away", "it never said what it has, so it might"

    pooled(act, here, away, patience=0.01)

"""When a worker is brought files that it lacks: at once where nobody has them, else once waiting has cost as much."""

import msgspec

from imagine.identity.stamp import FileStamp
from imagine.messages import message
from imagine.words.frames import Ready
from tests.dispatch.test_dispatch_pool import pooled, rest, settle
from tests.dispatch.test_stranded import FileKeeper
from tests.models import model_at
from tests.worker.fake_engine import submit

SECOND = 10**8
"""Bytes that come in one."""


class Asked:
    """A `Brings` that a test ends."""

    def __init__(self):
        self.begun, self.coming, self.state, self.can = [], set(), None, True
        self.why = None

    def begin(self, parts):
        if self.can:
            self.begun.append([part.digest for part in parts])
            self.coming |= set(self.begun[-1])
        return self.can

    def is_coming(self, parts):
        return any(part.digest in self.coming for part in parts)

    def failure(self, parts):
        return self.why


class Lacking(FileKeeper):
    """Elsewhere, without a file."""

    def __init__(self, *digests, device="cuda:0"):
        super().__init__(*digests)
        self.away, self.brings, self.ready = True, Asked(), Ready(device=device)

    def come(self, digest):
        self.digests.add(digest)
        self.brings.coming.clear()
        self.changed()


def asking(name, digest="x", size=SECOND):
    stamp = FileStamp("/x", 1, 1, size, 1)
    return msgspec.structs.replace(submit(name), model=model_at("/x", digest, digest=digest, files=(stamp,)))


def test_what_nobody_has_is_waited_for_and_made_where_it_came():
    one, other = Lacking("y"), Lacking("y")

    async def act(pool):
        streams = [pool.submit(asking(name)) for name in ("1", "2")]
        await settle()
        assert (one.brings.begun, other.brings.begun) == ([["x"]], []), "one at a time has it coming"
        assert pool.waiting == 2
        one.come("x")
        await settle()
        assert list(one.held) == ["1", "2"]
        del streams

    pooled(act, one, other)


def test_where_it_can_not_come_another_has_it_and_else_the_job_is_told_why():
    one, other = Lacking(), Lacking()
    one.brings.can = False

    async def act(pool):
        stream = pool.submit(asking("1"))
        await settle()
        assert (one.brings.begun, other.brings.begun) == ([], [["x"]])
        other.brings.coming.clear()
        other.brings.can, other.brings.why = False, message("fetch.off")
        other.changed()
        (*_, end) = await rest(stream)
        assert (end.error, end.message.code) == ("UnusableModel", "worker.unfetched")

    pooled(act, one, other)


def test_a_machine_that_is_lost_as_they_come_is_waited_for_until_it_is_back_and_not_for_ever():
    far, here, now = Lacking(), FileKeeper("y"), [0.0]

    async def act(pool):
        first, second = [pool.submit(asking(name)) for name in ("1", "2")]
        await settle()
        far.brings.coming.clear()
        far.turn(ready=None)
        assert pool.waiting == 2
        far.turn(ready=Ready(device="cuda:0"))
        assert far.brings.begun == [["x"], ["x"]]
        far.come("x")
        await settle()
        for name, stream in (("1", first), ("2", second)):
            far.finish(name)
            await rest(stream)
        far.digests.clear()
        far.turn(ready=None)
        late = pool.submit(asking("late"))
        now[0] = 100.0
        here.changed()
        (*_, end) = await rest(late)
        assert (end.error, end.message.code) == ("UnusableModel", "worker.without")

    pooled(act, far, here, patience=100.0, clock=lambda: now[0])


def test_who_has_them_and_is_away_is_waited_for_first():
    has, lacks, now = FileKeeper("x"), Lacking(), [0.0]

    async def act(pool):
        has.turn(ready=None)
        stream = pool.submit(asking("1"))
        await settle()
        assert lacks.brings.begun == []
        now[0] = 100.0
        lacks.changed()
        assert lacks.brings.begun == [["x"]]
        lacks.come("x")
        await settle()
        assert list(lacks.held) == ["1"]
        del stream

    pooled(act, has, lacks, patience=100.0, clock=lambda: now[0])


def test_who_can_not_have_them_brought_keeps_them_from_no_other():
    has, unwilling, willing = FileKeeper("x"), Lacking(), Lacking()
    has.ready, unwilling.brings.can = Ready(device="cpu"), False

    async def act(pool):
        stream = pool.submit(asking("1"))
        await settle()
        assert willing.brings.begun == [["x"]]
        del stream

    pooled(act, has, unwilling, willing)


def test_a_busy_worker_has_its_model_brought_to_another_once_that_pays():
    has, lacks = FileKeeper("x"), Lacking()
    has.ready = Ready(device="cuda:0")

    async def act(pool):
        streams = []
        for number in range(8):  # each a second behind those before it: more in all than six for opening and bytes
            streams.append(pool.submit(asking(str(number))))
            await settle()
            assert number or lacks.brings.begun == [], "who is free is as good"
        assert lacks.brings.begun == [["x"]]
        lacks.come("x")
        streams.append(pool.submit(asking("next")))
        await settle()
        assert list(lacks.held) == ["next"]

    pooled(act, has, lacks)


def test_who_is_free_keeps_its_model_and_large_ones_take_longer_to_pay():
    has, lacks = FileKeeper("x"), Lacking()
    has.ready = Ready(device="cuda:0")

    async def act(pool):
        for number in range(20):
            stream = pool.submit(asking(str(number)))
            await settle()
            has.finish(str(number))
            await rest(stream)
        streams = [pool.submit(asking(f"large {number}", size=100 * SECOND)) for number in range(6)]
        await settle()
        assert lacks.brings.begun == []
        del streams

    pooled(act, has, lacks)


def test_a_processor_that_has_it_does_not_keep_it_from_a_gpu_that_lacks_it():
    has, lacks = FileKeeper("x"), Lacking()
    has.ready = Ready(device="cpu")

    async def act(pool):
        stream = pool.submit(asking("1"))
        await settle()
        assert (list(has.held), lacks.brings.begun) == (["1"], [["x"]])
        del stream

    pooled(act, has, lacks)


def test_what_stays_and_what_others_are_asked_for_brings_nothing():
    has, lacks = FileKeeper("x"), Lacking()
    has.ready = Ready(device="cpu")

    async def act(pool):
        stays = msgspec.structs.replace(asking("1"), foreign=True)
        assert stays.stays
        stream = pool.submit(stays)
        await settle()
        assert lacks.brings.begun == []
        del stream

    pooled(act, has, lacks)

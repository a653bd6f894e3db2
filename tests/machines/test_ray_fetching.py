"""A machine of a cluster that lacks a job's files: they come to it, the job waits meanwhile, and lies harm nobody."""

import asyncio
import contextlib
import shutil

import msgspec
import pytest

from imagine.dispatch.limits import Limits, Restarts
from imagine.dispatch.pool import Pool
from imagine.machines.inventory import Inventory
from imagine.machines.lending import Lender
from imagine.machines.lent import Brought, Lent
from imagine.machines.parting import Lie
from imagine.machines.ray.bringing import RemoteBringing
from imagine.machines.ray.fetching import FetchRoom
from imagine.machines.ray.seam import ClusterDevice
from imagine.machines.ray.words import HeldFiles, asked_from_bytes
from imagine.machines.ray.worker import RayWorker
from imagine.messages import Message, message
from imagine.pictures.containers import dimensions
from imagine.registry.registry import Registry
from imagine.words.events import Finished
from imagine.words.frames import Assembler, Ready, WorkerSettings
from imagine.words.model import Model
from tests.machines.near_cluster import NearCluster
from tests.machines.peering import changed
from tests.machines.test_fetching import cat, fetched, lending, sha256_of  # noqa: F401 - a fixture
from tests.machines.test_ray_worker import FAKE, PATIENCE, SILENT, rest
from tests.worker.fake_engine import submit

BOX = ClusterDevice("id of box", "box", "imagine", 0)
LACKED = "cat"


async def size(_, made):
    return dimensions(made)


@contextlib.asynccontextmanager
async def boxed(tmp_path, command=SILENT, room=None):
    """A pool whose one worker is on a machine that has no files yet."""
    fetcher = fetched(tmp_path, *([room] if room else []))
    inventory = Inventory(Registry([fetcher.folder]))
    cluster = NearCluster(command, "box", inventory=inventory, fetcher=fetcher)
    lender = Lender(sha256_of)
    await lender.open("127.0.0.1")
    worker = RayWorker(
        cluster, BOX, WorkerSettings(heartbeat=0.05), size, lender=lender,
        restarts=Restarts(first=0.01, most=0.05), limits=Limits(silence=PATIENCE, farewell=0.01),
    )  # fmt: skip
    pool = Pool([worker])
    await pool.start()
    try:
        yield pool, worker, cluster
    finally:
        await pool.stop(0)
        await lender.close()
        await asyncio.gather(*(near.gone() for near in cluster.hosts))


def asking(part, job="1"):
    return changed(submit(job), model=Model(name=LACKED, family="stable_diffusion", components=(part,)))


async def until(true):
    async with asyncio.timeout(PATIENCE):
        while not true():
            await asyncio.sleep(0)


def lent_to(near):
    frames = Assembler()
    said = [asked_from_bytes(body) for frame in near.sent for body in frames.feed(frame)]
    return [word for word in said if isinstance(word, Lent)]


def test_a_job_waits_for_its_files_and_is_made_where_they_came(tmp_path, cat):  # noqa: F811
    async def go():
        async with boxed(tmp_path, FAKE) as (pool, worker, cluster):
            await until(lambda: worker.ready is not None)
            events = await rest(pool.submit(asking(cat)))
            assert isinstance(events[-1], Finished)
            assert worker.holds([cat])
            assert worker.brings.state is None, "nothing is on its way any more"
            (lent,) = lent_to(cluster.hosts[0])
            assert str(tmp_path) not in str(lent)

    asyncio.run(go())


@pytest.mark.parametrize("told_first", [True, False])
def test_whoever_has_them_is_lent_nothing(tmp_path, cat, told_first):  # noqa: F811
    async def go():
        async with boxed(tmp_path) as (pool, worker, cluster):
            near = cluster.hosts[0]
            near.host._tell_files = lambda: None
            near.host._inventory.look = lambda: None
            words = [HeldFiles(digests=frozenset([cat.digest])), Ready(device="said")]
            near.say(*(words if told_first else words[::-1]))
            await until(lambda: worker.ready is not None)
            stream = pool.submit(asking(cat))
            await until(lambda: pool.running == 1)
            assert lent_to(near) == []
            await stream.aclose()

    asyncio.run(go())


def test_where_they_do_not_come_the_job_ends_with_the_reason_and_it_is_told(tmp_path, cat):  # noqa: F811
    async def go():
        async with boxed(tmp_path, room=FetchRoom(0)) as (pool, worker, cluster):
            cluster.hosts[0].say(Ready(device="said"))
            await until(lambda: worker.ready is not None)
            for job in ("1", "2"):
                (*_, end) = await rest(pool.submit(asking(cat, job)))
                assert end.error == "UnusableModel"
                assert "box/cpu:0 didn't get them: its owner has it fetch nothing" in str(end.message)
            assert worker.brings.state.why.code == "fetch.off"
            assert len(lent_to(cluster.hosts[0])) == 1, "it isn't asked again at once"

    asyncio.run(go())


def test_what_went_since_it_was_told_of_comes_again(tmp_path, cat):  # noqa: F811
    async def go():
        async with boxed(tmp_path, FAKE) as (pool, worker, cluster):
            await until(lambda: worker.ready is not None)
            assert isinstance((await rest(pool.submit(asking(cat))))[-1], Finished)
            shutil.rmtree(tmp_path / "home/fetched" / cat.digest)
            assert isinstance((await rest(pool.submit(asking(cat, "2"))))[-1], Finished)
            assert len(lent_to(cluster.hosts[0])) == 2

    asyncio.run(go())


class Unforeseen:
    """Lends nothing, for a reason of its own."""

    async def lend(self, part):
        raise ValueError("nobody foresaw it")


@contextlib.asynccontextmanager
async def bringing(lender, **said):
    """Of a machine that does nothing; what is lent to it, and when something has changed."""
    lent, over = [], asyncio.Event()
    brings = RemoteBringing(lender, over.set, **said)
    brings.live(lent.append)
    async with asyncio.timeout(PATIENCE):
        yield brings, lent, over
    brings.lose(message("lost.stopped"))


def test_what_is_given_up_may_be_spoken_of_by_who_is_at_it_yet(cat):  # noqa: F811
    async def go():
        patience = lambda size: 0.0 if size else PATIENCE  # noqa: E731
        async with lending() as lender, bringing(lender, seconds=patience) as (brings, lent, over):
            brings.hold(frozenset())
            assert brings.begin([cat])
            await over.wait()
            assert [each.digest for each in lent] == [cat.digest]
            assert brings.state.why.code == "fetch.slow"
            brings.hear(Brought(digest=cat.digest, done=1))
            brings.hear(Brought(digest=cat.digest, done=1, is_over=True))
            with pytest.raises(Lie):
                brings.hear(Brought(digest="e" * 64, done=1))

    asyncio.run(go())


@pytest.mark.parametrize(
    ("lender", "is_told", "code"), [(None, False, "fetch.slow"), (Unforeseen(), True, "fetch.failed")]
)
def test_nobody_waits_for_ever_for_what_is_never_lent(cat, lender, is_told, code):  # noqa: F811
    async def go():
        async with bringing(lender, seconds=lambda _: PATIENCE if is_told else 0.0) as (brings, lent, over):
            if is_told:
                brings.hold(frozenset())
            assert brings.begin([cat])
            await over.wait()
            assert (lent, brings.is_coming([cat]), brings.failure([cat]).code) == ([], False, code)

    asyncio.run(go())


LIES = {
    "says that it came": (lambda digest: Brought(digest=digest, done=10**18, is_over=True), "lie.holdings"),
    "of what nobody asked for": (lambda _: Brought(digest="e" * 64, done=1), "lie.job"),
    "why, in words that can't be said": (
        lambda digest: Brought(digest=digest, done=0, is_over=True, why=Message("x" * 1000)), "lie.words",
    ),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_about_it_ends_the_wait_the_second_time_at_the_latest_and_nothing_else(tmp_path, cat, lie):  # noqa: F811
    says, code = LIES[lie]

    async def go():
        async with boxed(tmp_path) as (pool, worker, cluster):
            stream = None
            for life in range(1 if code == "lie.holdings" else 2):
                await until(lambda: len(cluster.hosts) > life)  # noqa: B023 - called in this turn alone
                near = cluster.hosts[life]
                near.host._fetch = lambda _: asyncio.sleep(0)
                near.say(Ready(device="said"), HeldFiles(digests=frozenset()))
                await until(lambda: worker.ready is not None)
                stream = stream or pool.submit(asking(cat))
                await until(lambda: lent_to(near))  # noqa: B023 - likewise
                near.say(Brought(digest=cat.digest, done=-5), says(cat.digest))
            (*_, end) = await rest(stream)
            assert (end.error, end.message.code) == ("UnusableModel", "worker.unfetched")
            assert code in str(msgspec.to_builtins(end.message))
            assert pool.running == 0

    asyncio.run(go())

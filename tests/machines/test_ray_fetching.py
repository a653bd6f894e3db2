"""A machine of a cluster that lacks a job's files: they come to it, the job waits meanwhile, and lies harm nobody."""

import asyncio
import contextlib

import pytest

from imagine.dispatch.limits import Limits, Restarts
from imagine.dispatch.pool import Pool
from imagine.machines.inventory import Inventory
from imagine.machines.lending import Lender
from imagine.machines.lent import Brought, Lent
from imagine.machines.ray.fetching import FetchRoom
from imagine.machines.ray.seam import ClusterDevice
from imagine.machines.ray.words import HeldFiles, asked_from_bytes
from imagine.machines.ray.worker import RayWorker
from imagine.messages import Message
from imagine.pictures.containers import dimensions
from imagine.registry.registry import Registry
from imagine.words.events import Finished
from imagine.words.frames import Assembler, Ready, WorkerSettings
from imagine.words.model import Model
from tests.machines.near_cluster import NearCluster
from tests.machines.peering import changed
from tests.machines.test_fetching import cat, fetched, sha256_of  # noqa: F401 - a fixture
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


LIES = {
    "says that it came": (lambda digest: Brought(digest=digest, done=10**18, is_over=True), False),
    "of what nobody asked for": (lambda _: Brought(digest="e" * 64, done=1), True),
    "why, in words that can't be said": (
        lambda digest: Brought(digest=digest, done=0, is_over=True, why=Message("x" * 1000)), True,
    ),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_about_it_ends_the_wait_and_nothing_else(tmp_path, cat, lie):  # noqa: F811
    says, ends_life = LIES[lie]

    async def go():
        async with boxed(tmp_path) as (pool, worker, cluster):
            near = cluster.hosts[0]
            near.host._fetch = lambda _: asyncio.sleep(0)
            near.say(Ready(device="said"), HeldFiles(digests=frozenset()))
            await until(lambda: worker.ready is not None)
            stream = pool.submit(asking(cat))
            await until(lambda: lent_to(near))
            near.say(Brought(digest=cat.digest, done=-5), says(cat.digest))
            (*_, end) = await rest(stream)
            assert end.error == "UnusableModel"
            assert pool.running == 0
            if ends_life:
                await until(lambda: worker.restarts == 1)
            else:
                assert worker.brings.state.why.code == "lie.holdings"

    asyncio.run(go())

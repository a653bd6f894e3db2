"""Devices of a cluster as workers, without Ray: what crosses, what is lost, who comes and goes, and who lies."""

import asyncio
import contextlib
import hashlib
import sys
from pathlib import Path

import pytest

from imagine.dispatch.limits import Limits, Restarts
from imagine.dispatch.pool import Pool
from imagine.machines.ray import host as host_module
from imagine.machines.ray import members as members_module
from imagine.machines.ray import token
from imagine.machines.ray.host import DeviceHost
from imagine.machines.ray.members import Members
from imagine.machines.ray.seam import ClusterDevice
from imagine.machines.ray.token import check_token
from imagine.machines.ray.words import HeldFiles, LifeOver
from imagine.machines.ray.worker import RayWorker
from imagine.messages import Message, message
from imagine.pictures.containers import dimensions
from imagine.words.errors import BadPicture, ImagineError
from imagine.words.events import Failed, Finished, Preview, Progress
from imagine.words.frames import Ready, ResidentModel, Stats, WorkerSettings, encode
from imagine.words.model import Component
from imagine.words.recipe import meta_from_params
from tests.machines.near_cluster import ListedFiles, NearCluster
from tests.machines.peering import changed
from tests.server.openai.painting import opened, painted
from tests.worker.fake_engine import MODEL, submit

FAKE = [sys.executable, str(Path(__file__).parents[1] / "worker/painting_worker.py")]
SILENT = [sys.executable, "-c", "import sys; sys.stdin.read()"]
"""A worker that never says a word, and starts in no time."""
DEVICE = ClusterDevice("id of box", "box", "imagine", 0)
QUICK = Restarts(first=0.01, most=0.05)
HASTY = Limits(silence=8.0, farewell=0.01)
PATIENCE = 600.0
"""Seconds: for what hangs, not for what is slow."""
JOB = submit("1")
META = meta_from_params(JOB.params)
GOOD = Finished(job="1", data=painted(JOB.params, 255, META), meta=META, timings={})


async def size(_, made):
    """Of a picture that nobody has to decode here."""
    return dimensions(made)


@contextlib.asynccontextmanager
async def at_box(command=SILENT, look=None, **said):
    """A worker on the machine `box`, which has the file that the fake engine's jobs name; and its cluster."""
    cluster = NearCluster(command, "box", **{"files": [MODEL.digest]} | said)
    worker = RayWorker(cluster, DEVICE, WorkerSettings(heartbeat=0.05), look or size, restarts=QUICK, limits=HASTY)
    worker.changed = asyncio.Event()
    worker.watch(worker.changed.set)
    await worker.start()
    try:
        yield worker, cluster
    finally:
        await worker.stop(0)
        await asyncio.gather(*(near.gone() for near in cluster.hosts))


async def until(worker, true):
    async with asyncio.timeout(PATIENCE):
        while not true():
            worker.changed.clear()
            await worker.changed.wait()


async def ready(worker, cluster):
    """Has the machine say that its worker is ready."""
    cluster.hosts[-1].say(Ready(device="said"))
    await until(worker, lambda: worker.ready is not None)


async def rest(stream):
    async with asyncio.timeout(PATIENCE):
        return [event async for event in stream]


def test_a_job_is_done_on_another_machine_and_no_path_crosses():
    async def go():
        async with at_box(FAKE) as (worker, cluster):
            await until(worker, lambda: worker.ready is not None and worker.holds(MODEL.components))
            assert not worker.holds([Component(role="vae", path="", digest="1" * 64)])
            assert worker.holds([Component(role="preprocessor", path="")]), "what is made without a file"
            img = bytes(range(256)) * 500
            events = await rest(worker.submit(submit("1", steps=3, every=1, img=img)))
            assert [event.step for event in events if isinstance(event, Progress)] == [1, 2, 3]
            assert [event.step for event in events if isinstance(event, Preview)] == [1, 2, 3]
            colour = tuple(hashlib.sha256(img).digest()[:3])
            assert opened(events[-1].data).getpixel((0, 0)) == colour, "all of it was there"
            assert not [frame for frame in cluster.hosts[0].sent if b"nowhere" in frame]
            assert (await worker.load(MODEL)).model == "m"
            stream = worker.submit(submit("2", "slow", steps=10**9))
            await anext(stream)
            worker.cancel("2")
            assert (await rest(stream))[-1].error == "Cancelled"

    asyncio.run(go())


def test_what_is_resident_there_is_told_as_the_gateway_calls_it():
    async def go():
        async with at_box() as (worker, cluster):
            await ready(worker, cluster)
            near = cluster.hosts[0]
            jobs = worker.submit(submit("1"))
            await asyncio.sleep(0)
            local = near.host._called
            async with asyncio.timeout(PATIENCE):
                while not local:
                    await asyncio.sleep(0)
                    local = near.host._called
            (there,) = local
            assert there != MODEL.identity
            near.host._hear(Stats(models=[ResidentModel(name="m", digest=MODEL.digest, identity=there)]))
            async with asyncio.timeout(PATIENCE):
                while not worker.stats.models:
                    await asyncio.sleep(0)
            assert worker.stats.models[0].identity == MODEL.identity
            del jobs

    asyncio.run(go())


def test_a_machine_that_is_cut_off_loses_its_jobs_by_its_silence_alone():
    async def go():
        async with at_box() as (worker, cluster):
            await ready(worker, cluster)
            stream = worker.submit(submit("1"))
            cluster.hosts[0].is_cut = True
            life = worker._child
            looks = 0
            while not life.ended.done():
                life._look()
                looks += 1
            assert looks >= 4
            last = (await rest(stream))[-1]
            assert last.error == "WorkerLost"
            assert str(last.message) == "the worker on box/cpu:0 hung: not a word for 8 s"
            assert worker.ready is None
            assert worker.cut_off
            await until(worker, lambda: len(cluster.hosts) == 2 or worker.restarts)

    asyncio.run(go())


def test_a_machine_that_the_cluster_calls_lost_loses_its_jobs_at_once():
    async def go():
        async with at_box() as (worker, cluster):
            await ready(worker, cluster)
            stream = worker.submit(submit("1"))
            cluster.hosts[0].lose("ActorDiedError: its node is dead")
            last = (await rest(stream))[-1]
            assert str(last.message) == "the worker on box/cpu:0 is out of reach: ActorDiedError: its node is dead"

    asyncio.run(go())


@pytest.mark.parametrize(
    "lie", [b"\x00\x00\x00\x05half", b"\xff\xff\xff\xff", encode(WorkerSettings())], ids=["half", "endless", "no frame"]
)
def test_bytes_that_are_no_frame_end_that_life_and_nothing_else(lie):
    async def go():
        async with at_box() as (worker, cluster):
            await ready(worker, cluster)
            stream = worker.submit(submit("1"))
            cluster.hosts[0].say(bytes(lie), b"\xff" * 8)
            last = (await rest(stream))[-1]
            assert "malformed frame" in str(last.message)
            await until(worker, lambda: worker.restarts == 1)

    asyncio.run(go())


def test_what_it_says_of_other_jobs_reaches_nobody():
    async def go():
        async with at_box() as (worker, cluster):
            await ready(worker, cluster)
            stream = worker.submit(submit("mine"))
            others = changed(GOOD, job="others")
            cluster.hosts[0].say(others, Failed(job="mine", error="OutOfMemory", message=message("memory.tiles")))
            assert [event.job for event in await rest(stream)] == ["mine"]

    asyncio.run(go())


LIES = {
    "a picture that is none": (changed(GOOD, data=b"MZ"), "a picture that is none"),
    "another recipe": (changed(GOOD, meta=META | {"seed": "2"}), "another recipe"),
    "a preview that is none": (Preview(job="1", step=1, steps=2, data=b"preview"), "a preview that is none"),
    "words without end": (Failed(job="1", error="x", message=Message("a" * 1000)), "what can't be said"),
    "of why it is over": (LifeOver(why=Message("x\n"), refused=True), "what can't be said"),
    "what it holds": (Stats(models=[ResidentModel(name="x", digest="y", size=-1)]), "what can't come"),
    "which files": (HeldFiles(digests=frozenset(["../../etc/passwd"])), "what can't be"),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_ends_that_life_and_loses_no_job(lie):
    said, why = LIES[lie]

    async def go():
        async with at_box() as (worker, cluster):
            await ready(worker, cluster)
            stream = worker.submit(JOB)
            cluster.hosts[0].say(said)
            last = (await rest(stream))[-1]
            assert (last.error, why in str(last.message)) == ("WorkerLost", True)
            await until(worker, lambda: worker.restarts == 1)

    asyncio.run(go())


def test_a_picture_is_looked_at_before_anybody_has_it_and_its_numbers_make_sense():
    looked = []

    async def look(job, made):
        looked.append((job.job, made))
        if len(looked) > 1:
            raise BadPicture(message("picture.damaged", "img", kind="PNG"))
        return (64, 64)

    async def go():
        async with at_box(look=look) as (worker, cluster):
            for what in (Finished, Failed):
                await ready(worker, cluster)
                stream = worker.submit(JOB)
                cluster.hosts[-1].say(Progress(job="1", step=1, steps=10**18, spent=1e300), GOOD)
                progress, last = await rest(stream)
                assert (progress.steps < 100, progress.spent < 3600, type(last)) == (True, True, what)
        assert looked == [("1", GOOD.data)] * 2

    asyncio.run(go())


def test_another_version_there_is_refused_for_good():
    async def go():
        async with at_box(version="0.0.9") as (worker, cluster):
            await until(worker, lambda: worker.broken is not None)
            assert "can't work for this server: Imagine" in str(worker.broken)
            assert not worker.cut_off, "what ends there ends by itself"
            async with asyncio.timeout(PATIENCE):
                await asyncio.wait([worker._keeper])
            assert len(cluster.hosts) == 1

    asyncio.run(go())


@pytest.mark.parametrize("found", [True, False])
def test_a_file_that_is_missing_is_looked_for_once_more_and_else_the_job_goes_elsewhere(found):
    async def go():
        async with at_box(FAKE, files=[]) as (worker, cluster):
            await until(worker, lambda: worker.ready is not None)
            assert not worker.holds(MODEL.components)
            cluster.files.coming = frozenset([MODEL.digest] if found else [])
            last = (await rest(worker.submit(submit("1"))))[-1]
            assert isinstance(last, Finished) if found else last.error == "WorkerLost"
            if not found:
                assert "000000000000" in str(last.message)

    asyncio.run(go())


def test_previews_that_nobody_takes_are_left_out_and_pictures_never():
    host = DeviceHost("", "imagine", command=SILENT, inventory=ListedFiles())
    for step in range(40):
        host._hear(Preview(job="1", step=step, steps=40, data=bytes(2**20)))
    host._hear(Finished(job="1", data=bytes(2**20), meta={}, timings={}))
    assert host._waiting < host_module._MOST_WAITING + 3 * 2**20
    assert b"finished" in host._out[-1]


def test_devices_become_workers_as_they_come_and_their_jobs_wait_where_they_go():
    async def go():
        cluster = NearCluster(FAKE, "left", files=[MODEL.digest])
        pool = Pool([])
        await pool.start()
        members = Members(
            cluster, pool, lambda device: RayWorker(cluster, device, WorkerSettings(), size, restarts=QUICK)
        )
        await members.look()
        stream = pool.submit(submit("1", "slow", steps=10**9))
        async with asyncio.timeout(PATIENCE):
            while not isinstance(await anext(stream), Progress):
                continue
        (job,) = pool.jobs
        cluster.names = ["right"]
        await members.look()
        assert [worker.device.address for worker in pool.workers] == ["right"]
        async with asyncio.timeout(PATIENCE):
            while not isinstance(await anext(stream), Progress) or job.attempts == 1:
                continue
        assert (job.worker.device.address, job.doubted) == ("right", False), "no job is why its machine left"
        await stream.aclose()
        cluster.is_lost = True
        await members.look()
        assert len(pool.workers) == 1, "who can't be asked isn't taken for an empty cluster"
        again = pool.submit(submit("2"))
        assert isinstance((await rest(again))[-1], Finished)
        await pool.stop(0)
        await asyncio.gather(*(near.gone() for near in cluster.hosts))

    asyncio.run(go())


def test_what_nobody_foresaw_ends_no_look_at_the_cluster_for_good(monkeypatch):
    async def go():
        cluster, looks = NearCluster(SILENT, "left"), []
        pool = Pool([])
        await pool.start()
        monkeypatch.setattr(members_module, "_LOOK", 0.0)

        def make(device):
            looks.append(device)
            if len(looks) < 3:
                raise ValueError("nobody foresaw it")
            return RayWorker(cluster, device, WorkerSettings(), size, restarts=QUICK)

        following = asyncio.create_task(Members(cluster, pool, make).follow())
        async with asyncio.timeout(PATIENCE):
            while not pool.workers:
                await asyncio.sleep(0)
        await pool.stop(0)
        await pool.add(RayWorker(cluster, DEVICE, WorkerSettings(), size, restarts=QUICK))
        assert len(pool.workers) == 1, "who comes as all of them end isn't begun"
        following.cancel()
        await asyncio.gather(*(near.gone() for near in cluster.hosts))

    asyncio.run(go())


TOKEN = "0123456789abcdef" * 2


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"RAY_AUTH_TOKEN": TOKEN}, "RAY_AUTH_MODE isn't set"),
        ({"RAY_AUTH_MODE": "disabled", "RAY_AUTH_TOKEN": TOKEN}, "export RAY_AUTH_MODE=token"),
        ({"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": "/nowhere"}, "ray get-auth-token --generate"),
        ({"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "secret"}, "has 6 characters"),
    ],
)
def test_a_cluster_without_a_token_is_not_joined(environ, said):
    with pytest.raises(ImagineError, match=said):
        check_token(environ)


def test_who_does_not_answer_has_refused_nobody(monkeypatch):
    def ending(status):
        said = f"import sys; print('no answer in time', file=sys.stderr); sys.exit({status})"
        monkeypatch.setattr(token, "_ASK", said)

    ending(0)
    assert token.without_token("10.0.0.1:6379")
    ending(token._REFUSED)
    assert not token.without_token("10.0.0.1:6379")
    ending(1)
    with pytest.raises(ImagineError, match="can't be told: no answer in time"):
        token.without_token("10.0.0.1:6379")


def test_a_token_is_found_where_ray_looks_for_it(tmp_path):
    (tmp_path / "token").write_text(TOKEN + "\n")
    check_token({"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": TOKEN})
    check_token({"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(tmp_path / "token")})

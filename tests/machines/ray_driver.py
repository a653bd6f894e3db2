"""A gateway's half of a real cluster, in a process of its own: Ray reads its environment once, when it is imported.

`ray_driver.py HEAD:PORT` draws on the machine that joins, says `drawing`, and waits until that is lost, then gone.
"""

import asyncio
import socket
import sys

from imagine.dispatch.pool import Pool
from imagine.machines.ray.cluster import RayCluster
from imagine.machines.ray.members import Members
from imagine.machines.ray.worker import RayWorker
from imagine.pictures.containers import dimensions
from imagine.words.errors import ImagineError
from imagine.words.events import Preview
from imagine.words.frames import WorkerSettings
from tests.machines.fake_host import FakeHost
from tests.worker.fake_engine import submit


async def joined(address):
    """The cluster, once its head answers."""
    host, _, port = address.partition(":")
    while True:
        try:
            socket.create_connection((host, int(port)), 5).close()
            return RayCluster(address, FakeHost)
        except (ImagineError, OSError) as error:
            print(error, file=sys.stderr)
            await asyncio.sleep(0.1)


async def size(_, made):
    """Of a picture that nobody has to decode here."""
    return dimensions(made)


async def main(address):
    cluster = await joined(address)
    pool = Pool([])
    await pool.start()
    members = Members(cluster, pool, lambda device: RayWorker(cluster, device, WorkerSettings(heartbeat=0.05), size))
    following = asyncio.create_task(members.follow())
    events = [event async for event in pool.submit(submit("1", steps=5, every=1))]
    print([event.step for event in events if isinstance(event, Preview)], type(events[-1]).__name__)
    (worker,) = pool.workers
    stream = worker.submit(submit("2", "slow", steps=10**9))
    await anext(stream)
    print("drawing on", worker.device.address, flush=True)
    print([event async for event in stream][-1].error)
    while pool.workers:
        await asyncio.sleep(0.1)
    print("gone", flush=True)
    following.cancel()
    await pool.stop(0)
    cluster.leave()


asyncio.run(main(sys.argv[1]))

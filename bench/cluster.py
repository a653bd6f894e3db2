"""Three machines of a Ray cluster against each alone, what a preview costs on its way, and machines that are lost.

`sh bench/cluster.sh` makes three machines of network namespaces and runs this within: every step takes 50 ms, so what
is measured is what lies between machines. Arms run in turn, `--rounds` times: all machines together, each alone, and a
worker of this machine's own for the previews. Then a machine is killed whole, and of another the cable is pulled, each
while pictures are made on all of them: when was the last of its orders begun elsewhere, and was each made once?
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import os
import signal
import statistics
import subprocess
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from bench.cluster_host import COMMAND, DIGEST, FixedHost
from bench.fixed_worker import STEP, made_at
from imagine.dispatch.pool import Pool
from imagine.dispatch.process import ProcessWorker
from imagine.dispatch.worker import Worker
from imagine.machines.ray.cluster import RayCluster
from imagine.machines.ray.members import Members
from imagine.machines.ray.worker import RayWorker
from imagine.pictures.looking.decoder import Decoder
from imagine.words.events import Finished, Preview, Progress
from imagine.words.frames import PreviewSettings, Submit, WorkerSettings
from imagine.words.model import Component, Model
from imagine.words.recipe import GenerationParams

MACHINES = 3
_STEPS = 10
_PATIENCE = 120.0
_MODEL = Model(name="m", family="sd1", components=(Component(role="checkpoint", path="/nowhere", digest=DIGEST),))
_numbers = itertools.count()


class Made(NamedTuple):
    """A picture: how often it was finished, the previews' ways in seconds, and when its last life began."""

    finished: int
    ways: list[float]
    begun: float


def job(steps: int) -> Submit:
    """One picture of a client of its own, with a preview a step."""
    number = next(_numbers)
    params = GenerationParams(
        model="m", digest=DIGEST, prompt="", width=64, height=64, num_steps=steps, guidance=7.0, sampler="euler", seed=1
    )
    return Submit(
        job=f"job-{number}", client=f"client-{number}", params=params, model=_MODEL, preview=PreviewSettings(every=1)
    )


async def draw(pool: Pool, steps: int = _STEPS) -> Made:
    """Has one picture made."""
    finished, ways, begun = 0, [], time.monotonic()
    async for event in pool.submit(job(steps)):
        if isinstance(event, Preview):
            ways.append(time.time() - made_at(event.data))
        elif isinstance(event, Progress) and event.step == 1:
            begun = time.monotonic()
        elif isinstance(event, Finished):
            finished += 1
    return Made(finished, ways, begun)


async def arm(workers: list[Worker], pictures: int) -> tuple[float, list[float]]:
    """Pictures a second of these workers, and the ways of all previews."""
    pool = Pool(workers, slots=2, share=1.0)  # so few each, since where orders go is another measurement
    for worker in workers:
        worker.watch(pool._hand_out)  # they are up already, and stay so after it
    begun = time.perf_counter()
    made = await asyncio.gather(*(draw(pool) for _ in range(pictures)))
    assert all(each.finished == 1 for each in made), Counter(each.finished for each in made)
    return pictures / (time.perf_counter() - begun), [way for each in made for way in each.ways]


async def throughput(members: list[Worker], own: ProcessWorker, rounds: int) -> None:
    """All together against the sum of each alone; and previews of theirs against those of a worker here."""
    sums, together, far, near = [], [], [], []
    for _ in range(rounds):
        alone = [await arm([worker], 6) for worker in members]
        sums.append(sum(speed for speed, _ in alone))
        speed, ways = await arm(members, 6 * len(members))
        together.append(speed)
        far += ways
        near += (await arm([own], 6))[1]
    ratios = [one / other for one, other in zip(together, sums, strict=True)]
    print(f"{len(members)} machines, {_STEPS} steps of {STEP * 1000:g} ms, {rounds} rounds")
    print(
        f"  pictures a second: {statistics.median(together):.2f} together, {statistics.median(sums):.2f} the sum alone"
    )
    print(f"  ratio: {statistics.median(ratios):.3f} (min {min(ratios):.3f})")
    there, here, most = statistics.median(far) * 1e3, statistics.median(near) * 1e3, _p95(far) * 1e3
    print(f"  a preview's way, ms: {there:.2f} from there, {here:.2f} here; 95 of 100 from there within {most:.2f}")
    print(f"  added at the median: {there - here:.2f} ms")


async def lost(pool: Pool, what: str, lose: Callable[[str], Awaitable[None]]) -> None:
    """Loses the first machine while each holds pictures; says how soon its orders were begun elsewhere."""
    victim = next(worker for worker in pool.workers if isinstance(worker, RayWorker) and worker.ready)
    orders = [asyncio.create_task(draw(pool, 20)) for _ in range(4 * len(pool.workers))]
    await asyncio.sleep(1.5)
    moved = [each for each in pool.jobs if each.worker is victim]
    at = time.monotonic()
    await lose(victim.device.address)
    while any(each.worker is victim for each in moved):
        await asyncio.sleep(0.02)
    seen = time.monotonic() - at
    while any(each.worker is None and not each.buffer.ended for each in moved):
        await asyncio.sleep(0.02)
    again = time.monotonic() - at
    async with asyncio.timeout(_PATIENCE):
        made = await asyncio.gather(*orders)
    print(f"{what}: {len(moved)} of {len(orders)} orders were there")
    print(f"  seen after {seen:.1f} s, all at another machine after {again:.1f} s")
    print(f"  made once {sum(each.finished == 1 for each in made)} of {len(made)}")


async def kill(address: str) -> None:
    """Every process of that machine at once."""
    space = f"r{int(address.rpartition('.')[2]) - 1}"
    listed = subprocess.run(["ip", "netns", "pids", space], capture_output=True, text=True, check=True)
    for process in listed.stdout.split():
        os.kill(int(process), signal.SIGKILL)


async def pull(address: str) -> None:
    """Its cable."""
    space = f"r{int(address.rpartition('.')[2]) - 1}"
    subprocess.run(["ip", "-n", space, "link", "set", "eth0", "down"], check=True)


async def measure(address: str, rounds: int) -> None:
    """All of it."""
    begun = time.perf_counter()
    cluster = RayCluster(address, FixedHost)
    pool = Pool([], slots=4, share=1.0)
    await pool.start()
    settings, decoder = WorkerSettings(), Decoder()

    async def look(_: Submit, made: bytes) -> tuple[int, int]:
        """As a server does."""
        result = (await decoder.look(made, "img", "")).result
        return result.width, result.height

    members = Members(cluster, pool, lambda device: RayWorker(cluster, device, settings, look))
    own = ProcessWorker(settings, command=COMMAND)
    await own.start()
    following = asyncio.create_task(members.follow())
    async with asyncio.timeout(_PATIENCE):
        while sum(worker.ready is not None for worker in pool.workers) < MACHINES or own.ready is None:
            await asyncio.sleep(0.1)
    print(f"{MACHINES} machines draw {time.perf_counter() - begun:.1f} s after the server joined", flush=True)
    await throughput(list(pool.workers), own, rounds)
    for worker in pool.workers:
        worker.watch(pool._hand_out)
    await lost(pool, "a machine killed", kill)
    await lost(pool, "a cable pulled", pull)
    following.cancel()
    await own.stop(0)
    await pool.stop(0)
    await decoder.stop()
    cluster.leave()


def _p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address", help="the head's HOST:PORT")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    asyncio.run(measure(given.address, given.rounds))

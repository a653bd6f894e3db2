"""Three servers that work for a fourth, against each asked alone: what they make, a preview's way, and losing one.

`sh bench/machines.sh` makes four machines of network namespaces and runs this within the first. All is what users have,
over HTTP: `imagine serve` on each, of whom the first has no device but the three others (`workers`). Their device
takes 50 ms a step (`fixed_worker.py`), so what is measured is what lies between machines. Arms run in turn, `--rounds`
times. Then a machine is killed whole, and of another the cable is pulled, each while all of them draw: how soon are its
pictures another's, and does whoever asked get each once? Prints what was seen.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import aiohttp

from bench.fixed_worker import STEP
from bench.machine import KEY, Machine, SeenOrder

HOSTS = 3
_AT_ONCE = 4
"""Pictures that are asked for at a time, for each machine that draws."""
_STEPS = 10
_SETTLING, _WINDOW = 1.0, 6.0
"""Seconds before steps are counted, and for which they are."""
_LONG = 60
_seeds = itertools.count(1)


class LostMachine(NamedTuple):
    """What was seen of losing one, in seconds from then."""

    seen: float
    """That its server takes it for lost."""
    moved: float
    """That every picture it held is another's."""
    begun: float
    """That the last of those that it had begun was begun anew."""
    its: int
    """Pictures that it held."""
    orders: Sequence[SeenOrder]


async def steps_a_second(machine: Machine, at_once: int) -> float:
    """What a server makes for so many who ask again and again."""
    stop, ways = asyncio.Event(), list[float]()

    async def ask() -> None:
        while not stop.is_set():
            seen = await machine.draw(_STEPS, next(_seeds))
            assert (seen.finals, seen.errors) == (1, []), seen.errors
            ways.extend(at for at, _ in seen.previews)

    begun = time.monotonic() + _SETTLING
    asking = [asyncio.create_task(ask()) for _ in range(at_once)]
    await asyncio.sleep(_SETTLING + _WINDOW)
    stop.set()
    await asyncio.gather(*asking)
    return sum(begun <= at < begun + _WINDOW for at in ways) / _WINDOW


async def throughput(server: Machine, hosts: Sequence[Machine], rounds: int) -> None:
    """All together against the sum of each alone."""
    together, sums = [], []
    for _ in range(rounds):
        sums.append(sum([await steps_a_second(host, _AT_ONCE) for host in hosts]))
        together.append(await steps_a_second(server, _AT_ONCE * len(hosts)))
    ratios = [one / other for one, other in zip(together, sums, strict=True)]
    print(f"steps a second: {statistics.median(together):.1f} together, {statistics.median(sums):.1f} the sum alone")
    print(f"  of {len(hosts) / STEP:.0f} that {len(hosts)} devices can; {rounds} rounds of {_WINDOW:g} s an arm")
    print(f"  ratio {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})", flush=True)


async def previews(server: Machine, hosts: Sequence[Machine], rounds: int) -> None:
    """One picture at a time, of a host by itself and by way of the server, in turn."""
    ways: dict[bool, list[list[float]]] = {True: [], False: []}
    for number in range(rounds):
        for is_direct in (True, False) if number % 2 else (False, True):
            made = [await (host if is_direct else server).draw(_STEPS, next(_seeds)) for host in hosts]
            ways[is_direct].append([1e3 * way for each in made for _, way in each.previews])
    direct, through = (list(itertools.chain(*ways[is_direct])) for is_direct in (True, False))
    added = [
        statistics.median(far) - statistics.median(near) for near, far in zip(ways[True], ways[False], strict=True)
    ]
    print(f"a preview's way to who asked, ms: {_told(through)} by way of the server, {_told(direct)} asked directly")
    print(f"  added at the median: {statistics.median(through) - statistics.median(direct):.2f} ms", end="")
    print(f" ({min(added):.2f} to {max(added):.2f} in {rounds} rounds of {_STEPS * len(hosts)} an arm)", flush=True)


async def lost(server: Machine, host: Machine, lose: Callable[[], None]) -> LostMachine:
    """Loses a machine 1.5 s into pictures of 3 s, of which each machine has two."""
    asked = [asyncio.create_task(server.draw(_LONG, next(_seeds))) for _ in range(2 * HOSTS)]
    await asyncio.sleep(1.5)
    its = (await server.device(host.place))["running"]
    at = time.monotonic()
    lose()
    await server.until(host.place, ready=False)
    seen = time.monotonic() - at
    while (told := await server.device(host.place))["running"] or told["waiting"]:
        await asyncio.sleep(0.02)
    moved = time.monotonic() - at
    orders = await asyncio.gather(*asked)
    again = [each.begun - at for each in orders if each.is_again]
    return LostMachine(seen, moved, max(again, default=0.0), its, orders)


async def losing(
    server: Machine, host: Machine, what: str, lose: Callable[[], None], mend: Callable[[], Awaitable[None]]
) -> None:
    """Says what became of the pictures, and of the machine once it is mended."""
    before = await server.finished()
    told = await lost(server, host, lose)
    counted = await server.finished() - before
    await mend()
    back = await server.until(host.place, ready=True)
    once = sum(each.finals == 1 and not each.errors for each in told.orders)
    later = await server.finished() - before - counted
    print(f"{what}: it had {told.its} of {len(told.orders)} pictures, {sum(o.is_again for o in told.orders)} begun")
    print(f"  seen after {told.seen:.2f} s, all another's after {told.moved:.2f} s, ", end="")
    print(f"the last of those begun was begun anew after {told.begun:.2f} s")
    print(f"  got once: {once} of {len(told.orders)}; the server counted {counted}, and {later} more with its return")
    print(f"  taken in again {back:.1f} s after it was mended", flush=True)


async def measure(folder: Path, rounds: int) -> None:
    """All of it."""
    no_limit = aiohttp.TCPConnector(limit=0)
    patience = aiohttp.ClientTimeout(total=120)
    key = {"Authorization": f"Bearer {KEY}"}
    async with aiohttp.ClientSession(connector=no_limit, timeout=patience, headers=key, read_bufsize=2**20) as session:
        server, *hosts = (Machine(number, folder, session) for number in range(HOSTS + 1))
        for host in hosts:
            await host.serve()
        await server.serve("--none", workers=hosts)
        for host in hosts:
            await server.until(host.place, ready=True)
            await host.draw(1, next(_seeds))  # nothing is the first of its kind below
        await asyncio.gather(*(server.draw(1, next(_seeds)) for _ in range(4 * HOSTS)))
        await throughput(server, hosts, rounds)
        await previews(server, hosts, 4 * rounds)
        killed, cut, _ = hosts

        async def plug() -> None:
            cut.cable(plugged=True)

        await losing(server, killed, "a machine killed", killed.kill, killed.serve)
        await losing(server, cut, "a cable pulled", lambda: cut.cable(plugged=False), plug)


def _told(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.2f} (95 of 100 within {statistics.quantiles(values, n=20)[-1]:.2f})"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="for homes and logs")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    asyncio.run(measure(given.folder, given.rounds))

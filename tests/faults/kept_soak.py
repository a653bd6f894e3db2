"""Many detached orders through one server, whose worker paints nothing: `python -m tests.faults.kept_soak`.

Each expires after some seconds. Once as many have come and gone as are kept at a time, neither the process's memory nor
the book's file, nor the folder of pictures, may grow any more.
"""

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path

import aiohttp
import psutil

from imagine.server.orders.connection import LASTING
from tests.server import served

KEPT = 5.0
"""Seconds for which an order is kept, and then its state for as long again."""
AT_ONCE = 16
MEBI = 2**20


def sizes(home: Path) -> dict[str, float]:
    """What it takes by now: memory in MiB, the book and its log in MiB, pictures."""
    folder = home / "orders"
    book = sum(path.stat().st_size for path in folder.glob("orders.sqlite*"))
    memory = psutil.Process().memory_info().rss
    return {
        "memory": round(memory / MEBI, 1),
        "book": round(book / MEBI, 2),
        "pictures": sum(1 for _ in (folder / "pictures").glob("*.png")),
    }


class Forgetful(list):
    """What a worker saw, for a test that doesn't look: nothing stays."""

    def append(self, _: object) -> None:
        """It is seen, and forgotten."""


async def order(session: aiohttp.ClientSession, number: int) -> None:
    """One order, placed and followed to its end. Raises AssertionError where it isn't made."""
    async with session.post("/jobs", json={"prompt": f"fox {number}", "num_steps": 4}) as answer:
        said = await answer.json()
        assert answer.status == 202, said
    async with session.get(f"/jobs/{said['id']}/events") as answer:
        lines = [json.loads(line) async for line in answer.content if line.strip()]
    assert (lines[-1]["status"], lines[-1].get("state")) == ("end", "succeeded"), lines[-1]


async def soak(home: Path, orders: int) -> list[dict[str, float]]:
    """So many orders; what was taken after each tenth of them."""
    told, worker = [], served.PromptedWorker()
    worker.seen = Forgetful()
    async with (
        served.serving(home, worker=worker, keep_orders=KEPT, provenance=False) as client,
        aiohttp.ClientSession(client.make_url("/")) as session,  # the client of tests keeps every answer
    ):
        numbers = iter(range(orders))

        async def place() -> None:
            for number in numbers:
                await order(session, number)
                if number % (orders // 10) == orders // 10 - 1:
                    told.append({"orders": number + 1, "seconds": round(time.monotonic() - began)} | sizes(home))
                    print(told[-1], flush=True)

        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(place())
        assert not client.app[LASTING].open().in_hand
        assert not client.gateway.pool.jobs
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=10_000)
    served.PATIENCE = 4 * 3600.0
    with tempfile.TemporaryDirectory() as folder:
        told = asyncio.run(soak(Path(folder), parser.parse_args().orders))
    first, last = told[len(told) // 2], told[-1]
    assert last["memory"] < first["memory"] * 1.1 + 5, told
    assert last["book"] < first["book"] * 1.5 + 5, told
    print("flat")


if __name__ == "__main__":
    main()

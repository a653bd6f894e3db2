"""A newcomer beside a flood and beside a large picture: the whole server with a real worker and the shipped model.

How long a step takes depends on the machine; what is looked at is whose steps came first.
"""

import asyncio
import json

import aiohttp
import pytest

from tests.daemon import REAL, Daemon

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

FLOOD, NEWCOMER = "127.0.0.2", "127.0.0.3"
SIDE = 768
"""Of the large picture: seconds a step on two idle cores; one of 2048² is half a minute a step, and no other case."""
SMALL = {"prompt": "a red circle", "width": 64, "height": 64}


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    with Daemon(tmp_path_factory.mktemp("fair"), REAL, "-d", "cpu", "--max-queue", "8") as daemon:
        asyncio.run(drawn_once(daemon.url))  # the worker has started, and the model is there
        yield daemon.url


async def drawn_once(url):
    async with client("127.0.0.1") as session:
        assert (await answered(session, url, num_steps=1))[0] == 200


def client(address):
    """Another client of this machine: each loopback address is one."""
    connector = aiohttp.TCPConnector(local_addr=(address, 0), limit=0)
    return aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(None))


async def told(session, url, seen, begun=None, **body):
    """The lines of a picture's progress, put into `seen` as they come; `begun` is set as its first step begins."""
    async with session.post(f"{url}/generate", json=SMALL | {"progress": True} | body) as answer:
        assert answer.status == 200
        async for line in answer.content:
            said = json.loads(line)
            seen.append((said["status"], said.get("step", 0)))
            if begun is not None and seen[-1] == ("progress", 0):
                begun.set()


async def answered(session, url, **body):
    """Status, and in how many seconds to come again."""
    async with session.post(f"{url}/generate", json=SMALL | body) as answer:
        await answer.read()
        return answer.status, answer.headers.get("Retry-After")


def test_a_newcomer_is_taken_in_and_drawn_beside_a_flood(url):
    async def act():
        async with client(FLOOD) as many, client(NEWCOMER) as few:
            flood = [asyncio.create_task(answered(many, url, num_steps=40, seed=number)) for number in range(60)]
            refused, _ = await asyncio.wait(flood, return_when=asyncio.FIRST_COMPLETED)
            assert all(task.result()[0] == 503 for task in refused), "nothing is drawn yet, and the queue is full"
            newcomers = [answered(few, url, num_steps=3, seed=number) for number in range(4)]
            assert [status for status, _ in await asyncio.gather(*newcomers)] == [200] * 4
            still = [task for task in flood if not task.done()]
            assert len(still) >= 20, "none of the flood's longer pictures had to be waited for"
            ended = await asyncio.gather(*flood)
            assert {status for status, _ in ended} == {200, 503}
            assert sum(status == 200 for status, _ in ended) >= 24, "what was accepted was made"
            assert all(again is None or 1 <= int(again) <= 600 for _, again in ended)

    asyncio.run(act())


def test_a_newcomers_picture_is_done_before_the_second_step_of_a_large_one(url):
    async def act():
        large, small, begun = [], [], asyncio.Event()
        async with client(FLOOD) as one, client(NEWCOMER) as another:
            drawing = asyncio.create_task(told(one, url, large, begun, width=SIDE, height=SIDE, num_steps=9))
            await asyncio.wait([drawing, asyncio.create_task(begun.wait())], return_when=asyncio.FIRST_COMPLETED)
            assert not drawing.done()
            await told(another, url, small, num_steps=10)
            assert small[-1] == ("final", 10)
            assert max(step for _, step in large) <= 1
            drawing.cancel()

    asyncio.run(act())

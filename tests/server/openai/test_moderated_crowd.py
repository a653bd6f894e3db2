"""Many who have pictures looked at: one at a time, clients in turn, and no more of them than may wait."""

import asyncio
import base64
import io
from collections import Counter
from contextlib import ExitStack

import pytest
from PIL import Image

from imagine.server.gateway.scoring import Scoring
from imagine.words.errors import Busy
from tests.server.served import PromptedWorker, serving

CHECKER = None
"""Of no interest to what only hands it on."""


class Looking(PromptedWorker):
    """Scores nothing before it is told to."""

    def __init__(self):
        super().__init__()
        self.may = asyncio.Event()

    async def score(self, checker, img):
        self.news.set()
        await self.may.wait()
        return await super().score(checker, img)


class OneByOne:
    """Notes whose picture it looks at, and gives way to everybody else meanwhile."""

    def __init__(self):
        self.seen, self.at_once = [], Counter()

    async def score(self, _checker, img):
        self.at_once["now"] += 1
        self.at_once["most"] = max(self.at_once["most"], self.at_once["now"])
        for _ in range(20):
            await asyncio.sleep(0)
        self.at_once["now"] -= 1
        self.seen.append(img.decode())


def test_one_is_looked_at_and_clients_take_turns():
    async def act():
        pool = OneByOne()
        scoring = Scoring(pool, 9)
        wanted = [("greedy", f"greedy {number}") for number in range(4)] + [("other", "other 0")]
        async with asyncio.TaskGroup() as asking:
            for client, img in wanted:
                asking.create_task(scoring.score(CHECKER, img.encode(), client))
        return pool

    pool = asyncio.run(act())
    assert pool.seen == ["greedy 0", "other 0", "greedy 1", "greedy 2", "greedy 3"]
    assert pool.at_once["most"] == 1


def test_nobody_has_more_than_a_share_of_the_places_and_newcomers_find_one():
    scoring = Scoring(OneByOne(), 8)

    def refusal(placed, clients):
        with pytest.raises(Busy) as refused:
            taken_by(placed, clients)
        assert refused.value.retry_after >= 1
        return refused.value.note.code

    def taken_by(placed, clients):
        for client in clients:
            placed.enter_context(scoring.place(client))

    with ExitStack() as placed:
        assert refusal(placed, ["greedy"] * 8) == "busy.share"
        assert refusal(placed, map(str, range(99))) == "busy.queue"
    with ExitStack() as placed:
        taken_by(placed, ["greedy"] * 6)  # all places are free again


def test_who_finds_no_place_is_told_so_in_openais_shape(tmp_path):
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "PNG")
    address = "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
    body = {"input": [{"type": "image_url", "image_url": {"url": address}}]}

    async def act(client):
        first = asyncio.create_task(client.post("/v1/moderations", json=body))
        await client.worker.news.wait()
        async with client.post("/v1/moderations", json=body) as answer:
            error = (await answer.json())["error"]
            assert (answer.status, error["code"]) == (429, "rate_limit_exceeded")
            assert int(answer.headers["Retry-After"]) >= 1
        client.worker.may.set()
        async with await first as answer, client.post("/v1/moderations", json=body) as again:
            assert (answer.status, again.status) == (200, 200)

    async def go():
        async with serving(tmp_path, worker=Looking(), max_queue=1) as client:
            await act(client)

    asyncio.run(go())

"""Orders: their ids and lifetimes, who reads them, how they are taken back; and the stages that they go through."""

import asyncio
import base64
import contextlib
import gc
import io
import json
import logging

import msgspec
import pytest
from PIL import Image

from imagine.asking.request import GenerateRequest
from imagine.fairness.allowance import MAX_TOTAL
from imagine.messages import message
from imagine.server.orders import stages as table
from imagine.server.orders.book import MemoryBook
from imagine.server.orders.connection import ORDERS
from imagine.server.orders.order import Order
from imagine.server.orders.orders import Orders, UnknownOrder
from imagine.settings.keys import NamedKey, digest_of
from imagine.words.errors import BadRequest, Blocked, Busy, Cancelled, OutOfMemory
from imagine.words.events import Progress
from imagine.words.moderation import AskedAs, ModerationVerdict
from tests.server.served import ask

REQUESTS = [
    ("/generate", {"prompt": "hold"}),
    ("/generate", {"prompt": "hold", "stream": 1, "progress": True, "count": 2}),
    ("/v1/images/generations", {"prompt": "hold", "n": 2}),
    ("/v1/images/generations", {"prompt": "hold", "stream": True, "partial_images": 1}),
    ("/openai/deployments/fox/images/generations", {"prompt": "hold"}),
    ("/api/generate", {"prompt": "hold", "model": "fox", "stream": False}),
    ("/api/generate", {"prompt": "hold", "model": "fox", "n": 3}),
]


def photo():
    file = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def a_request(prompt, **more):
    return GenerateRequest(prompt=prompt, **more)


async def until(condition):
    while not condition():
        await asyncio.sleep(0)


def nothing_is_held(client):
    """No order, no job, and all of the allowance there again."""
    try:
        client.gateway.allowance.take(MAX_TOTAL)
    except Busy:
        return False
    client.gateway.allowance.take(-MAX_TOTAL)
    return not (client.app[ORDERS].open or client.gateway.pool.jobs)


async def kinds(orders, order, since=0):
    return [(event.index, type(event.report).__name__) async for event in orders.events(order, since)]


@pytest.mark.parametrize(("path", "body"), REQUESTS)
def test_an_attached_order_ends_with_its_connection(tmp_path, path, body):
    async def act(client):
        asking = asyncio.ensure_future(client.post(path, json=body))
        await until(lambda: client.worker.seen and client.app[ORDERS].open)
        (order,) = client.app[ORDERS].open
        await until(lambda: len(client.worker.seen) == len(order.pictures))
        for picture in order.pictures:
            client.worker.held[picture.job].put(Progress(job=picture.job, step=1, steps=25))
        if body.get("stream", path == "/api/generate"):
            (await asking).close()
        else:
            asking.cancel()
            await asyncio.wait([asking])
        await until(lambda: nothing_is_held(client))
        assert set(client.worker.cancelled) == {picture.job for picture in order.pictures}
        assert order.state == "cancelled"
        with pytest.raises(UnknownOrder):
            client.app[ORDERS].events(order.id)

    ask(tmp_path, act)


def test_a_detached_order_goes_on_without_anybody(tmp_path):
    async def act(client):
        orders = client.app[ORDERS]
        order = await orders.place(a_request("hold", count=2), "c", AskedAs(), attached=False)
        with orders.attending(order):
            await until(lambda: len(client.worker.held) == 2)
        assert orders.open == [order]
        assert client.worker.cancelled == []
        for picture in order.pictures:
            client.worker.finish(picture.job)
        assert (await kinds(orders, order.id))[-2:] == [(0, "Finished"), (1, "Finished")]
        assert (order.state, orders.open) == ("succeeded", [])
        assert await kinds(orders, order.id) == [(0, "Finished"), (1, "Finished")], "whoever comes later gets them too"
        assert nothing_is_held(client)

    ask(tmp_path, act)


def test_two_read_one_order_and_a_third_goes_on_where_it_was_cut_off(tmp_path):
    async def act(client):
        orders = client.app[ORDERS]
        order = await orders.place(a_request("hold"), "c", AskedAs(), attached=False)
        (job,) = (picture.job for picture in order.pictures)
        both = [asyncio.ensure_future(kinds(orders, order.id)) for _ in range(2)]
        cut = orders.events(order.id)
        seen = await anext(cut)
        await cut.aclose()
        client.worker.held[job].put(Progress(job=job, step=1, steps=25))
        client.worker.finish(job)
        assert await asyncio.gather(*both) == [[(0, "Loading"), (0, "Progress"), (0, "Finished")]] * 2
        assert await kinds(orders, order.id, since=seen.number) == [(0, "Finished")]

    ask(tmp_path, act)


def test_an_attached_order_lasts_as_long_as_the_last_of_its_connections(tmp_path):
    async def act(client):
        orders = client.app[ORDERS]
        order = await orders.place(a_request("hold"), "c", AskedAs())
        with contextlib.ExitStack() as last:
            last.enter_context(orders.attending(order))
            with orders.attending(order):
                await until(lambda: client.worker.held)
            assert orders.open == [order]
        assert orders.open == []
        await until(lambda: nothing_is_held(client))

    ask(tmp_path, act)


@pytest.mark.parametrize("by", ["order", "job"])
@pytest.mark.parametrize(("path", "body"), REQUESTS)
def test_an_order_is_taken_back_as_one_by_its_id_or_a_jobs(tmp_path, path, body, by):
    async def act(client):
        asking = asyncio.ensure_future(client.post(path, json=body))
        await until(lambda: client.worker.seen)
        async with client.get("/jobs") as answer:
            listed = await answer.json()
        (order,) = listed["orders"]
        name = order["id"] if by == "order" else order["pictures"][-1]["id"]
        async with client.delete(f"/jobs/{name}") as answer:
            assert (answer.status, await answer.json()) == (200, {"cancelled": name})
        answer = await asking
        assert "cancelled" in await answer.text()
        await until(lambda: nothing_is_held(client))
        assert set(client.worker.cancelled) == {picture["id"] for picture in order["pictures"]}
        async with client.delete(f"/jobs/{name}") as answer:
            assert answer.status == 404

    ask(tmp_path, act)


def test_an_order_is_taken_back_by_who_asked_for_it_and_by_the_owner(tmp_path):
    keys = tuple(NamedKey(name=name, digest=digest_of(f"{name}-key-of-length")) for name in ("ann", "bob"))

    def of(name):
        return {"Authorization": f"Bearer {name}-key-of-length"}

    async def act(client):
        for owner in ("ann", "the"):
            asking = asyncio.ensure_future(client.post("/generate", json={"prompt": "hold"}, headers=of("ann")))
            await until(lambda: client.worker.held)
            (order,) = (await (await client.get("/jobs", headers=of("ann"))).json())["orders"]
            assert (await (await client.get("/jobs", headers=of("bob"))).json())["orders"] == []
            for name in (order["id"], order["pictures"][0]["id"]):
                async with client.delete(f"/jobs/{name}", headers=of("bob")) as answer:
                    assert answer.status == 404
            assert client.worker.held
            async with client.delete(f"/jobs/{order['id']}", headers=of(owner)) as answer:
                assert answer.status == 200
            assert "cancelled" in await (await asking).text()

    ask(tmp_path, act, keys=keys, api_key="the-key-of-length")


def test_orders_are_listed_with_what_becomes_of_their_pictures(tmp_path):
    async def act(client):
        asking = asyncio.ensure_future(client.post("/generate", json={"prompt": "hold the secret", "count": 3}))
        await until(lambda: len(client.worker.seen) == 3)
        one, two, _ = (job.job for job in client.worker.seen)
        client.worker.finish(one, b"secret")
        client.worker.held[two].put(Progress(job=two, step=5, steps=25, remaining=8.0))
        await until(lambda: len(client.gateway.pool.jobs) == 2 and client.gateway.pool.jobs[0].progress)
        async with client.get("/jobs") as answer:
            text = await answer.text()
        (order,), jobs = json.loads(text)["orders"], json.loads(text)["jobs"]
        assert "secret" not in text
        assert (order["state"], order["position"], order["remaining"]) == ("running", None, None)
        told = [(picture["state"], picture["step"], picture["steps"]) for picture in order["pictures"]]
        assert told == [("finished", 25, 25), ("running", 5, 25), ("running", 0, 25)]
        assert [(job["id"], job["order"], job["index"]) for job in jobs] == [
            (job.job, order["id"], index) for index, job in enumerate(client.worker.seen) if index
        ]
        asking.cancel()
        await asyncio.wait([asking])

    ask(tmp_path, act)


def test_a_waiting_orders_position_is_its_first_pictures(tmp_path):
    async def act(client):
        client.worker.ready = None
        asking = [asyncio.ensure_future(client.post("/generate", json={"prompt": "x", "count": 2})) for _ in range(2)]
        await until(lambda: client.gateway.pool.waiting == 4 and client.gateway.pool.jobs[-1].position is not None)
        async with client.get("/jobs") as answer:
            listed = await answer.json()
        assert [(order["state"], order["position"]) for order in listed["orders"]] == [("queued", 0), ("queued", 2)]
        for task in asking:
            task.cancel()
        await asyncio.wait(asking)

    ask(tmp_path, act)


def test_a_client_is_told_which_order_is_its_own_and_so_is_the_log(tmp_path, caplog):
    async def act(client):
        told = []
        for path, body in REQUESTS:
            async with client.post(path, json=body | {"prompt": "a fox", "seed": 3}) as answer:
                assert answer.status == 200
                told.append(answer.headers["X-Imagine-Order"])
                for line in (await answer.text()).splitlines():
                    if '"job"' in line:
                        assert json.loads(line)["order"] == told[-1]
        async with client.post("/generate", json={"prompt": "fail OutOfMemory"}) as answer:
            assert answer.status == 507
            told.append(answer.headers["X-Imagine-Order"])
        async with client.post("/generate", json={"prompt": "x", "num_steps": 0}) as answer:
            assert "X-Imagine-Order" not in answer.headers
        assert len(set(told)) == len(told)
        assert min(map(len, told)) >= 22, "128 bits, which nobody guesses"
        assert {record.fields["order"] for record in caplog.records if hasattr(record, "fields")} == set(told)

    with caplog.at_level(logging.INFO, "imagine.jobs"):
        ask(tmp_path, act)


def test_what_is_refused_leaves_nothing(tmp_path):
    async def act(client):
        orders = client.app[ORDERS]
        client.worker.ready = None
        running = await orders.place(a_request("x", img=photo()), "c", AskedAs(), attached=False)
        with pytest.raises(Busy):
            await orders.place(a_request("x", count=2, img=photo()), "c", AskedAs())
        assert orders.open == [running]
        with pytest.raises(BadRequest):
            await orders.place(a_request("x", mask=photo()), "c", AskedAs())
        assert orders.cancel(running.id)
        with pytest.raises(Cancelled):
            await kinds(orders, running.id)
        assert running.state == "cancelled"
        assert nothing_is_held(client)

    ask(tmp_path, act, max_queue=1)


def test_an_order_that_nobody_came_for_is_forgotten_in_time(tmp_path):
    """Attached to a connection that never attended: nothing in the server does so, but a new dialect might."""

    async def act(client):
        now = [0.0]
        orders = Orders(client.gateway, MemoryBook(kept=60, clock=lambda: now[0]))
        order = await orders.place(a_request("a fox"), "c", AskedAs())
        await until(lambda: order.state == "succeeded")
        assert orders.find(order.id) is order
        now[0] = 60
        assert orders.find(order.id) is None

    ask(tmp_path, act)


def test_an_order_holds_its_input_picture_until_its_jobs_have_ended(tmp_path):
    async def act(client):
        orders, data = client.app[ORDERS], base64.b64decode(photo())
        order = await orders.place(a_request("hold", img=photo()), "c", AskedAs(), attached=False)
        with pytest.raises(Busy):
            client.gateway.allowance.take(MAX_TOTAL - len(data) + 1)
        await until(lambda: client.worker.held)
        client.worker.finish(order.pictures[0].job)
        await until(lambda: nothing_is_held(client))

    ask(tmp_path, act)


def test_a_picture_that_fails_ends_its_order_and_takes_the_others_back(tmp_path):
    async def act(client):
        orders = client.app[ORDERS]
        order = await orders.place(a_request("hold", count=3), "c", AskedAs(), attached=False)
        await until(lambda: len(client.worker.held) == 3)
        failing, *others = (picture.job for picture in order.pictures)
        client.worker.fail(failing)
        with pytest.raises(OutOfMemory):
            await kinds(orders, order.id)
        await until(lambda: not client.gateway.pool.jobs)
        assert set(client.worker.cancelled) == set(others)
        assert order.state == "failed"

    ask(tmp_path, act)


def orders_that_are_there():
    """Of other tests' servers, too: aiohttp remembers applications that it has answered for (`lru_cache`)."""
    return [kept for kept in gc.get_objects() if type(kept) is Order]


@pytest.mark.parametrize("prompt", ["a fox", "fail OutOfMemory"])
def test_nothing_of_an_order_stays_once_it_was_answered(tmp_path, prompt):
    """And nothing waits for the collector: the pictures of a busy hour would."""

    async def act(client):
        for path, body in REQUESTS:
            async with client.post(path, json=body | {"prompt": prompt}) as answer:
                await answer.read()
        await until(lambda: nothing_is_held(client))
        return [kept for kept in orders_that_are_there() if kept.id not in others]

    gc.collect()
    others = {kept.id for kept in orders_that_are_there()}
    gc.disable()
    try:
        assert ask(tmp_path, act) == []
    finally:
        gc.enable()


def test_a_stage_joins_by_standing_in_its_list(tmp_path, monkeypatch):
    """An assistant that rewrites the prompt, before it is checked; a check of the picture, before it is encoded."""

    async def assist(_, incoming):
        return incoming._replace(request=msgspec.structs.replace(incoming.request, prompt="a gory fox"))

    async def refuse(_, painted, output):
        verdict = ModerationVerdict(action="block", categories={}, stage="picture", rule="no red")
        raise Blocked(message("blocked.term", "prompt", term="red"), verdict)

    async def act(client):
        async with client.post("/generate", json={"prompt": "a fox"}) as answer:
            return answer.status, (await answer.json()).get("error"), len(client.worker.seen)

    monkeypatch.setattr(table, "PICTURE_STAGES", [refuse, *table.PICTURE_STAGES])
    status, why, made = ask(tmp_path, act)
    assert (status, made) == (400, 1)
    assert "red" in why
    monkeypatch.setattr(table, "REQUEST_STAGES", [table.REQUEST_STAGES[0], assist, *table.REQUEST_STAGES[1:]])
    status, why, made = ask(tmp_path, act, blocked_terms=("gory",))
    assert (status, made) == (400, 0)
    assert "gory" in why

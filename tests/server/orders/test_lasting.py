"""Orders that last: accepted once they are written down, made after whatever restart, given until they expire."""

import asyncio
import contextlib
import json
import sqlite3
import time

import msgspec
import pytest

from imagine.server.orders.connection import LASTING, ORDERS
from imagine.server.orders.lasting import ATTEMPTS
from imagine.settings.keys import NamedKey, digest_of
from imagine.words.events import Finished, Progress
from imagine.words.recipe import meta_from_params
from tests.server.served import ask, serving

DAY = 86400.0
KEYED = [
    ("/generate", {"prompt": "a fox"}, lambda said: said["img"]),
    ("/v1/images/generations", {"prompt": "a fox"}, lambda said: said["data"][0]["b64_json"]),
    ("/api/generate", {"prompt": "a fox", "model": "fox", "stream": False}, lambda said: said["image"]),
    ("/sdapi/v1/txt2img", {"prompt": "a fox"}, lambda said: said["images"]),
]


def finish(client, number, data=b"painted"):
    """The worker's job of that number, in the order they came, has its picture."""
    job = client.worker.seen[number]
    client.worker.held.pop(job.job).put(Finished(job=job.job, data=data, meta=meta_from_params(job.params), timings={}))


async def until(condition):
    while not condition():
        await asyncio.sleep(0)


async def told(client, path, method="get", **more):
    async with getattr(client, method)(path, **more) as answer:
        return answer.status, await answer.json()


async def detached(client, prompt, **more):
    status, said = await told(client, "/jobs", "post", json={"prompt": prompt} | more)
    assert status == 202, said
    return said


async def lines_of(client, order, **more):
    async with client.get(f"/jobs/{order}/events", **more) as answer:
        return [json.loads(line) async for line in answer.content if line.strip()]


async def ends(client, order):
    """How an order ended, once it has."""
    return (await lines_of(client, order))[-1]


def path_of(url):
    return "/" + url.split("/", 3)[3]


def run(act):
    async def limited():
        async with asyncio.timeout(240):
            return await act()

    return asyncio.run(limited())


@pytest.mark.parametrize(
    ("path", "more", "headers"),
    [("/jobs", {}, {}), ("/generate", {"detach": True}, {}), ("/generate", {}, {"Prefer": "wait=5, respond-async"})],
)
def test_a_detached_order_is_accepted_at_once_and_given_by_its_id(tmp_path, path, more, headers):
    async def act(client):
        body = {"prompt": "hold", "count": 2, "seed": "5"}
        async with client.post(path, json=body | more, headers=headers) as answer:
            said = await answer.json()
            assert (answer.status, answer.headers["Location"]) == (202, said["urls"]["self"])
            assert answer.headers.get("Preference-Applied") == ("respond-async" if headers else None)
        status = path_of(said["urls"]["self"])
        await until(lambda: len(client.worker.held) == 2)
        assert (await told(client, status))[1]["state"] == "running"
        assert (await told(client, path_of(said["urls"]["result"])))[0] == 409
        for number in range(2):
            finish(client, number, b"picture %d" % number)
        assert (await ends(client, said["id"]))["state"] == "succeeded"
        _, done = await told(client, status)
        assert (done["state"], [each["seed"] for each in done["pictures"]]) == ("succeeded", ["5", "6"])
        assert done["expires"] == pytest.approx(done["ended"] + DAY, abs=1)
        for number, picture in enumerate(done["pictures"]):
            async with client.get(path_of(picture["url"])) as answer:
                assert await answer.read() == b"picture %d" % number
        async with client.get(path_of(done["urls"]["result"]), headers={"Accept": "image/png"}) as answer:
            assert await answer.read() == b"picture 0"
        _, listed = await told(client, "/jobs")
        assert [each["id"] for each in listed["detached"]] == [said["id"]]
        assert listed["orders"] == []
        assert client.gateway.pool.jobs == []

    ask(tmp_path, act)


def test_what_waits_or_is_made_goes_on_after_a_restart_with_its_seed(tmp_path):
    """One of two pictures was done before: it isn't made again, nor told of twice."""

    async def act():
        async with serving(tmp_path) as client:
            order = await detached(client, "hold a secret", count=2)
            seeds = [each["seed"] for each in order["pictures"]]
            await until(lambda: len(client.worker.held) == 2)
            first, _ = client.worker.seen
            finish(client, 0, b"first")
            heard = []
            async with client.get(f"/jobs/{order['id']}/events") as answer:
                async for line in answer.content:
                    heard.append(json.loads(line))
                    if heard[-1]["status"] == "final":
                        break
        async with serving(tmp_path) as client:
            await until(lambda: client.worker.held)
            (job,) = client.worker.seen
            assert [str(first.params.seed), str(job.params.seed)] == seeds
            finish(client, 0, b"second")
            again = await lines_of(client, order["id"], headers={"Last-Event-ID": heard[-1]["seq"]})
            assert [line["index"] for line in [*heard, *again] if line["status"] == "final"] == [0, 1]
            assert [again[0]["status"], again[-1]["status"]] == ["snapshot", "end"]
            assert (again[-1]["state"], len(client.worker.seen)) == ("succeeded", 1)
        async with serving(tmp_path) as client:
            assert (await ends(client, order["id"]))["state"] == "succeeded"
            assert client.worker.seen == []

    run(act)


@pytest.mark.parametrize("lost", [ATTEMPTS - 1, ATTEMPTS])
def test_a_workers_end_costs_an_attempt_and_two_cost_the_order(tmp_path, lost):
    async def act(client):
        order = await detached(client, "hold")
        for attempt in range(ATTEMPTS):
            await until(lambda attempt=attempt: len(client.worker.seen) == attempt + 1)
            if attempt < lost:
                client.worker.fail(client.worker.seen[attempt].job, "WorkerLost")
            else:
                finish(client, attempt)
        end = await ends(client, order["id"])
        assert end["state"] == ("succeeded" if lost < ATTEMPTS else "failed")
        status, said = await told(client, f"/jobs/{order['id']}/result")
        assert (status, "error" in said) == ((200, False) if lost < ATTEMPTS else (502, True))
        assert len({job.params.seed for job in client.worker.seen}) == 1
        assert len(client.worker.seen) == ATTEMPTS

    ask(tmp_path, act)


def test_who_comes_back_misses_nothing_and_gets_nothing_twice(tmp_path):
    """As server-sent events, cut off behind each of them in turn."""

    async def act(client):
        order = await detached(client, "hold", count=2, seed="1")
        await until(lambda: len(client.worker.held) == 2)
        heard, after = [], {}
        for step in range(6):
            async with client.get(
                f"/jobs/{order['id']}/events", headers={"Accept": "text/event-stream"} | after
            ) as answer:
                assert answer.headers["Content-Type"] == "text/event-stream"
                job = client.worker.seen[step % 2].job
                if step < 4:
                    client.worker.held[job].put(Progress(job=job, step=step + 1, steps=25))
                else:
                    finish(client, step % 2)
                async for line in answer.content:
                    name, _, value = line.decode().strip().partition(": ")
                    if name == "id":
                        after = {"Last-Event-ID": value}
                    elif name == "data":
                        heard.append(json.loads(value))
                        if heard[-1].get("step", 0) == step + 1 or heard[-1]["status"] == "final":
                            break
        progress = [line["step"] for line in heard if line["status"] == "progress"]
        assert progress == [1, 2, 3, 4]
        assert [line["index"] for line in heard if line["status"] == "final"] == [0, 1]
        assert [line["status"] for line in heard].count("snapshot") == 1
        rest = await lines_of(client, order["id"], headers=after)
        assert [line["status"] for line in rest if line["status"] != "snapshot"] == ["end"]
        async with client.get(f"/jobs/{order['id']}/events?after={rest[-1]['seq']}") as answer:
            assert answer.status == 204
        status, said = await told(client, f"/jobs/{order['id']}/events?after=yesterday")
        assert (status, said["field"]) == (400, "after")

    ask(tmp_path, act)


@pytest.mark.parametrize(("path", "body", "picture"), KEYED)
def test_the_same_key_is_the_same_order_in_every_dialect(tmp_path, path, body, picture):
    """Asked twice at once, once more behind a restart, and with something else."""

    async def act():
        headers = {"Idempotency-Key": '"once"'}
        async with serving(tmp_path) as client:
            both = await asyncio.gather(*(told(client, path, "post", json=body, headers=headers) for _ in range(2)))
            assert [status for status, _ in both] == [200, 200]
            assert len(client.worker.seen) == 1
        async with serving(tmp_path) as client:
            status, said = await told(client, path, "post", json=body, headers=headers)
            assert [status, picture(said)] == [200, picture(both[0][1])] == [200, picture(both[1][1])]
            other = body | {"prompt": "a hare"}
            status, _ = await told(client, path, "post", json=other, headers=headers)
            assert status == 422
            status, _ = await told(client, path, "post", json=body, headers={"Idempotency-Key": "a\tb"})
            assert status == 400
            assert client.worker.seen == []
            status, _ = await told(client, path, "post", json=other, headers={"Idempotency-Key": "twice"})
            assert (status, len(client.worker.seen)) == (200, 1)

    run(act)


def test_who_lost_the_connection_attaches_to_what_is_made(tmp_path):
    async def act(client):
        headers = {"Idempotency-Key": "once"}
        first = asyncio.ensure_future(client.post("/generate", json={"prompt": "hold"}, headers=headers))
        await until(lambda: client.worker.held)
        first.cancel()
        await asyncio.wait([first])
        again = asyncio.ensure_future(told(client, "/generate", "post", json={"prompt": "hold"}, headers=headers))
        finish(client, 0)
        status, _ = await again
        assert (status, client.worker.cancelled, len(client.worker.seen)) == (200, [], 1)

    ask(tmp_path, act)


@pytest.mark.parametrize("when", ["made", "waiting", "ended"])
def test_taking_one_back_ends_it_once(tmp_path, when):
    async def act(client):
        order = await detached(client, "hold" if when != "ended" else "a fox")
        await until(lambda: client.worker.seen)
        if when == "ended":
            await ends(client, order["id"])
        if when == "waiting":
            client.worker.ready = None
            order = await detached(client, "hold")
        _, said = await told(client, f"/jobs/{order['id']}", "delete")
        assert said["state"] == ("succeeded" if when == "ended" else "cancelled")
        assert ("cancelled" in said) == (when != "ended")
        end = await ends(client, order["id"])
        assert (end["state"], "cancelled" in end.get("error", "")) == (said["state"], when != "ended")
        _, again = await told(client, f"/jobs/{order['id']}", "delete")
        assert (again["state"], "cancelled" in again) == (said["state"], False)

    ask(tmp_path, act)


def test_a_picture_that_is_there_as_its_order_is_taken_back_leaves_no_file(tmp_path, monkeypatch):
    async def act(client):
        order = await detached(client, "hold")
        await until(lambda: client.worker.seen)
        pictures, written = client.app[LASTING].open().pictures, []
        keep = pictures.keep

        async def too_late(data, extension):
            written.append(await keep(data, extension))
            await told(client, f"/jobs/{order['id']}", "delete")
            return written[0]

        monkeypatch.setattr(pictures, "keep", too_late)
        finish(client, 0)
        await until(lambda: written and not list(pictures.folder.glob("*.png")))
        assert (await told(client, f"/jobs/{order['id']}"))[1]["state"] == "cancelled"

    ask(tmp_path, act)


def test_an_order_is_its_keys_alone(tmp_path):
    keys = tuple(NamedKey(name=name, digest=digest_of(name)) for name in ("ann", "bob"))

    async def act(client):
        ann, bob = ({"Authorization": f"Bearer {each.name}"} for each in keys)
        _, order = await told(client, "/jobs", "post", json={"prompt": "hold"}, headers=ann)
        await until(lambda: client.worker.held)
        for path in ("", "/events", "/result"):
            assert (await told(client, f"/jobs/{order['id']}{path}", headers=bob))[0] == 404
        for name in (order["id"], client.worker.seen[0].job):
            assert (await told(client, f"/jobs/{name}", "delete", headers=bob))[0] == 404
        assert (await told(client, "/jobs", headers=bob))[1]["detached"] == []
        assert client.worker.cancelled == []
        assert (await told(client, f"/jobs/{order['id']}", "delete", headers=ann))[1]["state"] == "cancelled"

    ask(tmp_path, act, keys=keys)


def test_what_has_expired_leaves_its_state_and_then_nothing(tmp_path):
    async def act(client):
        order = await detached(client, "a secret fox")
        await ends(client, order["id"])
        _, done = await told(client, f"/jobs/{order['id']}")
        lasting, now = client.app[LASTING].open(), time.time()
        (name,) = await lasting.book.forget_old(now + DAY + 1, DAY)
        lasting.pictures.remove(name)
        _, said = await told(client, f"/jobs/{order['id']}")
        assert (said["state"], said["pictures"]) == ("expired", [])
        for path in (f"/jobs/{order['id']}/result", f"/jobs/{order['id']}/events"):
            assert (await told(client, path))[0] == 410
        async with client.get(path_of(done["pictures"][0]["url"])) as answer:
            assert answer.status == 404
        assert await lasting.book.forget_old(now + 2 * DAY + 2, DAY) == []
        assert (await told(client, f"/jobs/{order['id']}"))[0] == 404
        return b"".join(path.read_bytes() for path in (tmp_path / "orders").iterdir() if path.is_file())

    assert b"secret" not in ask(tmp_path, act)


def test_what_ends_after_the_first_look_goes_when_it_expires_and_not_with_the_next_hourly_one(tmp_path):
    async def act(client):
        order = await detached(client, "a fox")
        await ends(client, order["id"])
        while list((tmp_path / "orders" / "pictures").glob("*.png")):
            await asyncio.sleep(0.05)
        assert (await told(client, f"/jobs/{order['id']}/result"))[0] in (404, 410)

    ask(tmp_path, act, keep_orders=0.0)


def test_who_attaches_writes_nothing_to_the_disk(tmp_path):
    async def act(client):
        for path, body, _ in KEYED:
            assert (await told(client, path, "post", json=body))[0] == 200
        assert (await told(client, "/jobs"))[1]["detached"] == []
        assert (await told(client, "/jobs/none"))[0] == 404
        assert not (tmp_path / "orders").exists()
        assert client.app[ORDERS].open == []

    ask(tmp_path, act)


def test_owners_take_turns_whoever_came_with_more(tmp_path):
    """A book of many orders of one owner lets another's first one pass them."""

    async def act(client):
        book = client.app[LASTING].open().book
        many = [await detached(client, "hold") for _ in range(3)]
        await until(lambda: len(client.worker.held) == 3)
        rows = [await book.get(order["id"]) for order in many]
        assert [row.number for row in rows] == sorted(row.number for row in rows)
        upcoming = await book.next({rows[1].number: "local"})
        assert (upcoming.number, upcoming.owner) == (rows[0].number, "local")
        assert await book.next({row.number: row.owner for row in rows}) is None

    ask(tmp_path, act)


def test_what_never_has_room_fails_and_holds_up_nobody(tmp_path):
    """As many pictures as the queue has no places for."""

    async def act(client):
        ready, client.worker.ready = client.worker.ready, None
        many = await detached(client, "a fox", count=2)
        one = await detached(client, "a hare")
        assert (await ends(client, many["id"]))["state"] == "failed"
        client.worker.ready = ready
        client.worker.changed()
        assert (await ends(client, one["id"]))["state"] == "succeeded"
        assert (await told(client, f"/jobs/{many['id']}/result"))[0] == 503

    ask(tmp_path, act, max_queue=1)


def test_an_order_that_another_release_wrote_fails_and_holds_up_nobody(tmp_path):
    async def act():
        async with serving(tmp_path) as client:
            order = await detached(client, "hold")
            await until(lambda: client.worker.held)
        with contextlib.closing(sqlite3.connect(tmp_path / "orders/orders.sqlite", isolation_level=None)) as book:
            book.execute("UPDATE plans SET jobs = ?", (msgspec.msgpack.encode([{"type": "submit", "job": 1}]),))
        async with serving(tmp_path) as client:
            end = await ends(client, order["id"])
            assert (end["state"], end["code"]) == ("failed", "job.unreadable")
            other = await detached(client, "a hare")
            assert (await ends(client, other["id"]))["state"] == "succeeded"

    run(act)


def test_a_second_server_of_one_home_lists_and_takes_back_its_own(tmp_path):
    """The book is the first one's: the second makes nothing of it, and refuses orders that last."""

    async def act():
        async with serving(tmp_path) as first:
            order = await detached(first, "hold")
            async with serving(tmp_path) as second:
                assert (await told(second, "/jobs", "post", json={"prompt": "a fox"}))[0] == 503
                asking = asyncio.ensure_future(second.post("/generate", json={"prompt": "hold"}))
                await until(lambda: second.worker.held)
                _, listed = await told(second, "/jobs")
                assert (len(listed["orders"]), listed["detached"]) == (1, [])
                assert (await told(second, f"/jobs/{listed['orders'][0]['id']}", "delete"))[0] == 200
                assert (await asking).status == 499
                assert len(second.worker.seen) == 1
            await until(lambda: first.worker.held)
            finish(first, 0)
            assert (await ends(first, order["id"]))["state"] == "succeeded"

    run(act)

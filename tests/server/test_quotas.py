"""What a key may use: refused beyond it in every dialect, however it is asked, before and after a restart."""

import asyncio
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagine.fairness.quotas import DAY, HOUR, KeyUse, UsedByKey
from imagine.messages import in_english
from imagine.server.orders.connection import LASTING, ORDERS
from imagine.server.orders.quotas import KeyQuotas
from imagine.settings.keys import NamedKey
from imagine.settings.settings import settings_from
from imagine.words.errors import Busy
from imagine.words.keys import KeyLimits
from tests.server.orders.test_lasting import run, until
from tests.server.served import ask, serving

ANNA = {"Authorization": "Bearer sesame"}
BEN = {"Authorization": "Bearer hopscotch"}
PATHS = {
    "/generate": {"prompt": "a fox"},
    "/jobs": {"prompt": "a fox"},
    "/v1/images/generations": {"prompt": "a fox"},
    "/api/generate": {"prompt": "a fox", "model": "fox", "stream": False},
    "/models/fox": {"inputs": "a fox"},
    "/v1/models/imagine/fox/predictions": {"input": {"prompt": "a fox"}},
    "/sdapi/v1/txt2img": {"prompt": "a fox"},
}


def limited(limits):
    ops = "ops: {key: broom, scopes: [admin]}"
    text = f"keys: {{anna: {{key: sesame, limits: {limits}}}, ben: {{key: hopscotch}}, {ops}}}"
    return {"keys": settings_from(environ={}, config=text)[0].keys}


async def asked(client, path="/generate", headers=ANNA, **more):
    async with client.post(path, json=PATHS.get(path, {"prompt": "a fox"}) | more, headers=headers) as answer:
        await answer.read()
        return answer


@pytest.mark.parametrize("path", PATHS)
def test_beyond_its_pictures_a_key_is_refused_until_there_is_room(tmp_path, path):
    async def act(client):
        quotas, now = client.server.app[ORDERS].quotas, [1000.0]
        quotas._wall = lambda: now[0]
        first = await asked(client, path)
        assert first.status in (200, 201, 202)
        now[0] += 600
        assert (await asked(client, path)).status == first.status
        answer = await asked(client, path)
        assert (answer.status, answer.headers["Retry-After"]) == (429, "3000")
        if path.startswith("/v1/images"):
            said = {name: answer.headers[f"x-ratelimit-{name}-requests"] for name in ("limit", "remaining", "reset")}
            assert said == {"limit": "2", "remaining": "0", "reset": "50m"}
            assert (await answer.json())["error"]["code"] == "rate_limit_exceeded"
            assert answer.headers["x-should-retry"] == "false"
        else:
            assert [answer.headers[f"X-RateLimit-{name}"] for name in ("Limit", "Remaining", "Reset")] == [
                "2",
                "0",
                "3000",
            ]
        assert (await asked(client, path, BEN)).status == first.status
        now[0] += 3000
        answer = await asked(client, path)
        assert answer.status == first.status
        assert "0" in (
            answer.headers.get("X-RateLimit-Remaining"),
            answer.headers.get("x-ratelimit-remaining-requests"),
        )

    ask(tmp_path, act, **limited("{pictures_per_hour: 2}"))


def test_what_is_refused_for_another_reason_uses_nothing_and_what_is_wanted_at_once_counts_whole(tmp_path):
    async def act(client):
        assert (await asked(client, steps=0)).status == 400
        assert (await asked(client, model="none")).status == 404
        answer = await asked(client, count=4)
        assert (answer.status, (await answer.json())["code"]) == (429, "quota.used")
        assert (await asked(client, count=3)).status == 200
        assert (await asked(client)).status == 429

    ask(tmp_path, act, **limited("{pictures_per_day: 3}"))


def test_work_is_counted_by_pixels_and_steps(tmp_path):
    async def act(client):
        assert (await asked(client, width=512, height=512, steps=40)).status == 200
        assert (await asked(client, width=512, height=512, steps=40)).status == 429
        assert (await asked(client, width=64, height=64, steps=20)).status == 200

    ask(tmp_path, act, **limited("{megapixel_steps_per_hour: 11}"))


def test_many_connections_at_once_are_no_more_than_one(tmp_path):
    async def act(client):
        async with asyncio.TaskGroup() as group:
            held = [
                group.create_task(asked(client, path, prompt="hold"))
                for path in ("/generate", "/jobs", "/sdapi/v1/txt2img") * 4
            ]
            await until(
                lambda: sum(task.done() for task in held) == len(held) - len(client.worker.held) + _lasting(held)
            )
            refused = [task.result() for task in held if task.done() and task.result().status == 429]
            assert len(refused) == len(held) - 2
            assert (await refused[0].json())["code"] == "quota.orders"
            for job in [*client.worker.held]:
                client.worker.finish(job)

    def _lasting(tasks):
        return sum(task.done() and task.result().status == 202 for task in tasks)

    ask(tmp_path, act, **limited("{orders: 2}"))


def test_so_many_are_made_at_once_and_the_others_wait(tmp_path):
    async def act(client):
        async with asyncio.TaskGroup() as group:
            group.create_task(asked(client, prompt="hold", count=3))
            await until(lambda: client.worker.held and client.gateway.pool.waiting == 2)
            group.create_task(asked(client, prompt="hold", headers=BEN))
            await until(lambda: len(client.worker.held) == 2)
            assert [job.client for job in client.worker.seen] == ["key anna", "key ben"]
            while client.worker.held:
                client.worker.finish(next(iter(client.worker.held)))
                await asyncio.sleep(0)
                await until(lambda: client.worker.held or not client.gateway.pool.jobs)

    ask(tmp_path, act, **limited("{at_once: 1}"))


def test_a_restart_gives_no_second_helping_where_there_is_a_book(tmp_path):
    async def act():
        said = limited("{pictures_per_day: 3}")
        async with serving(tmp_path, **said) as client:
            assert (await asked(client)).status == 200  # before there is a book
            assert (await asked(client, "/jobs")).status == 202
            assert (await asked(client)).status == 200
            assert (await asked(client, headers=BEN)).status == 200
            uses = await client.server.app[LASTING].opened.book.uses(0.0)
            assert {key for key, _ in uses} == {"anna"}  # who has no limit writes nothing
        async with serving(tmp_path, **said) as client:
            async with client.get("/keys", headers={"Authorization": "Bearer broom"}) as answer:
                (anna, *_) = (await answer.json())["keys"]
            assert anna["used"] == {"pictures_per_day": 3}
        async with serving(tmp_path, **said) as client:
            together = await asyncio.gather(*(asked(client, path) for path in ("/generate", "/jobs") * 4))
            assert {answer.status for answer in together} == {429}

    run(act)


def test_what_there_is_no_room_for_uses_nothing_after_a_restart_either(tmp_path):
    def refuse(_):
        raise Busy(in_english("no room"), retry_after=1.0)

    async def act():
        said = limited("{pictures_per_day: 4}")
        async with serving(tmp_path, **said) as client:
            assert (await asked(client, "/jobs")).status == 202
            await until(lambda: client.gateway.pool.counts.finished == 1)
            client.gateway.pool.submit = refuse
            assert (await asked(client, count=3)).status == 503
        async with serving(tmp_path, **said) as client:
            assert (await asked(client, count=3)).status == 200
            assert (await asked(client)).status == 429

    run(act)


@pytest.mark.parametrize(
    ("error", "left"), [(Busy(in_english("no room"), retry_after=1.0), 0), (asyncio.CancelledError(), 1)]
)
def test_who_goes_away_amid_it_has_used_what_may_be_made_all_the_same(error, left):
    job = SimpleNamespace(params=SimpleNamespace(num_steps=1, hires=None, width=64, height=64))
    named = NamedKey(name="anna", digest=b"", limits=KeyLimits(pictures_per_day=1))

    async def act():
        quotas = KeyQuotas(lambda _: 0)
        with pytest.raises(type(error)):
            async with quotas.admitted(named, [job]):
                raise error
        return [limit.used for limit in await quotas.used(named)]

    assert run(act) == [left]


def test_who_looks_at_a_list_makes_no_book_of_it(tmp_path):
    async def act(client):
        async with client.get("/jobs?limit=1", headers=ANNA) as answer:
            assert (await answer.json())["detached"] == []
        assert (await asked(client)).status == 200
        assert not (tmp_path / "orders").exists()

    ask(tmp_path, act, **limited("{pictures_per_day: 3, orders: 3}"))


def test_kept_results_take_no_more_than_they_may(tmp_path):
    async def act(client):
        answer = await asked(client, "/jobs")
        assert (answer.status, (await answer.json())["code"]) == (429, "quota.size")
        assert (await asked(client, "/jobs", BEN)).status == 202
        assert (await asked(client)).status == 200

    ask(tmp_path, act, **limited("{results_size: 0}"))


def hour_of(used, now, most=100):
    (left,) = used.left(KeyLimits(pictures_per_hour=most), KeyUse(now, 0, 0.0))
    return left.used


def test_a_little_all_the_time_is_forgotten_as_it_grows_old():
    used = UsedByKey()
    for second in range(0, 4000, 2):
        used.add(KeyUse(float(second), 1, 1.0))
    assert 1800 <= hour_of(used, 4000.0) <= 1802


def test_what_is_given_back_is_taken_from_where_it_was():
    used = UsedByKey()
    used.add(first := KeyUse(0.0, 5, 1.0))
    used.add(KeyUse(100.0, 1, 1.0))
    used.give_back(first)
    assert [hour_of(used, now) for now in (200.0, 3650.0, 3700.0)] == [1, 1, 0]


def test_a_clock_that_was_ahead_locks_nobody_out():
    used, ahead = UsedByKey(), 10.0 * DAY
    used.add(KeyUse(ahead, 5, 1.0))
    assert hour_of(used, 1000.0) == 5
    used.add(KeyUse(1010.0, 1, 1.0))
    assert [hour_of(used, 1000.0 + past) for past in (20.0, HOUR, HOUR + 10.0)] == [6, 1, 0]


LIMITS = KeyLimits(pictures_per_hour=5, pictures_per_day=12, megapixel_steps_per_hour=40)


@given(st.lists(st.tuples(st.floats(0, 5000), st.integers(1, 6), st.floats(0.1, 30)), max_size=30))
def test_no_hour_and_no_day_has_more_than_its_limit(asks):
    used, accepted, now = UsedByKey(), [], 0.0
    for gap, pictures, work in asks:
        now += gap
        use = KeyUse(now, pictures, work)
        lefts = list(used.left(LIMITS, use))
        fits = [left.used + (use.work if "pixel" in left.name else use.pictures) <= left.most for left in lefts]
        if all(fits):
            used.add(use)
            accepted.append(use)
        elif pictures <= 5 and work <= 40:
            wait = max(left.wait for left, fit in zip(lefts, fits, strict=True) if not fit)
            later = KeyUse(now + wait + 0.001, pictures, work)
            assert all(
                left.used + (later.work if "pixel" in left.name else later.pictures) <= left.most + 1e-6
                for left in used.left(LIMITS, later)
            )  # who comes when it was told to has room
            now = later.at
        for last in accepted:
            hour = [each for each in accepted if last.at - HOUR < each.at <= last.at]
            day = [each for each in accepted if last.at - DAY < each.at <= last.at]
            assert sum(each.pictures for each in hour) <= 5
            assert sum(each.work for each in hour) <= 40 + 1e-6
            assert sum(each.pictures for each in day) <= 12

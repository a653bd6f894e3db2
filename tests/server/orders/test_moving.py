"""One's own orders that wait, moved, and more or less urgent: their positions are those in which they are made."""

import pytest

from imagine.server.orders.connection import LASTING
from imagine.settings.settings import settings_from
from tests.server.orders.test_lasting import detached, ends, finish, told, until
from tests.server.served import ask


async def queued(client, *prompts, **more):
    """The ids of orders behind one that is made, in the order they came."""
    client.gateway.pool._share = 1
    first = await detached(client, "hold")
    await until(lambda: client.worker.held)
    orders = [(await detached(client, prompt, **more))["id"] for prompt in prompts]
    await until(lambda: len(client.server.app[LASTING].opened.in_hand) == len(prompts) + 1)
    return first["id"], orders


async def line(client):
    _, said = await told(client, "/jobs")
    return [
        each["id"]
        for each in sorted(said["detached"], key=lambda one: one["position"] or 0)
        if each["state"] == "queued"
    ]


async def moved(client, order, **wanted):
    return await told(client, f"/jobs/{order}", "patch", json=wanted)


def test_orders_that_wait_are_moved_and_made_in_that_order(tmp_path):
    async def act(client):
        first, (a, b, c, d) = await queued(client, "a", "b", "c", "d")
        assert await line(client) == [a, b, c, d]
        for order, wanted, result in (
            (d, {"position": 0}, [d, a, b, c]), (a, {"after": c}, [d, b, c, a]), (a, {"before": d}, [a, d, b, c]),
            (b, {"position": 99}, [a, d, c, b]), (b, {"priority": "high"}, [b, a, d, c]),
            (a, {"priority": "low"}, [b, d, c, a]), (a, {"priority": "normal", "before": b}, [a, b, d, c]),
        ):  # fmt: skip
            status, said = await moved(client, order, **wanted)
            assert (status, said["id"], await line(client)) == (200, order, result), wanted
            assert said["position"] == result.index(order)
            assert said["priority"] == wanted.get("priority", said["priority"])
        finish(client, 0)
        for order in (first, a, b, d, c):
            assert (await ends(client, order))["state"] == "succeeded"
        assert [job.params.prompt for job in client.worker.seen] == ["hold", "a", "b", "d", "c"]

    ask(tmp_path, act)


def test_what_can_not_be_moved_says_why(tmp_path):
    async def act(client):
        first, (a, b) = await queued(client, "a", "b")
        for order, wanted, status, code in (
            (first, {"position": 0}, 409, "job.begun"), (a, {"after": first}, 404, "job.not_waiting"),
            (a, {"before": a}, 404, "job.not_waiting"), (a, {}, 400, "move.form"),
            (a, {"turn": -1e300}, 400, "move.form"),
            (a, {"position": -1}, 400, "move.position"), (a, {"position": True}, 400, "move.position"),
            (a, {"position": 1e9}, 400, "move.position"), (a, {"before": b, "after": b}, 400, "move.form"),
            (a, {"before": ["x"]}, 400, "move.beside"), (a, {"priority": "HIGH"}, 400, "priority.form"),
            ("none", {"position": 0}, 404, "job.unknown"),
        ):  # fmt: skip
            found, said = await moved(client, order, **wanted)
            assert (found, said["code"]) == (status, code), wanted
        assert await line(client) == [a, b]

    ask(tmp_path, act)


KEYS = """
keys:
  anna: {key: sesame, priority: high}
  ben: {key: hopscotch, priority: low}
"""


@pytest.mark.parametrize(("key", "given"), [("sesame", ["high", "normal", "low"]), ("hopscotch", ["low"] * 3)])
def test_a_key_says_how_urgent_its_orders_can_be(tmp_path, key, given):
    async def act(client):
        headers = {"Authorization": f"Bearer {key}"}
        for wanted, priority in zip(("high", None, "low"), given, strict=True):
            body = {"prompt": "a fox"} | ({"priority": wanted} if wanted else {})
            status, said = await told(client, "/jobs", "post", json=body, headers=headers)
            assert (status, said["priority"]) == (202, priority)
            assert ("isn't for this key" in str(said["warnings"])) == (wanted == "high" != priority)
        await ends_with(client, said["id"], headers)
        jobs = client.worker.seen
        assert {job.client for job in jobs} == {"key anna" if key == "sesame" else "key ben"}
        assert {job.priority for job in jobs} == {*given}

    ask(tmp_path, act, keys=settings_from(environ={}, config=KEYS)[0].keys)


async def ends_with(client, order, headers):
    async with client.get(f"/jobs/{order}/events", headers=headers) as answer:
        await answer.read()


def test_another_key_moves_nothing(tmp_path):
    async def act(client):
        headers = [{"Authorization": f"Bearer {key}"} for key in ("sesame", "hopscotch")]
        _, said = await told(client, "/jobs", "post", json={"prompt": "hold"}, headers=headers[0])
        found = await told(client, f"/jobs/{said['id']}", "patch", json={"position": 0}, headers=headers[1])
        assert (found[0], found[1]["code"]) == (404, "job.unknown")

    ask(tmp_path, act, keys=settings_from(environ={}, config=KEYS)[0].keys)

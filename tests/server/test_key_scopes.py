"""Keys with names: what each is for, until when, and that nobody gets further by saying one otherwise."""

import asyncio

import pytest
from yarl import URL

from imagine.server.http.security import GUARD
from imagine.server.orders.connection import ORDERS
from imagine.settings.keys import digest_of
from imagine.settings.settings import Settings, settings_from
from tests.server.served import ask
from tests.server.test_security import verdict

FAMILY = """
api_key: front-door
keys:
  anna: {key: sesame}
  ben: {key: hopscotch, scopes: generate}
  keeper: {key: broom, scopes: [models]}
  parents: {key: apron, scopes: [admin]}
  guest: {key: bygone, scopes: [generate, models, admin], expires: 2020-01-31}
  frame: {key: wall, scopes: []}
"""


def said_by_family():
    settings, _ = settings_from(environ={}, config=FAMILY)
    return {"api_key": settings.api_key, "keys": settings.keys}


def of(key):
    return {"Authorization": f"Bearer {key}"}


async def answered(client, key, method, path, **more):
    async with client.request(method, path, headers=of(key), **more) as answer:
        return answer.status, await answer.json()


@pytest.mark.parametrize(
    ("method", "path", "sent", "allowed"),
    [
        ("POST", "/generate", {"prompt": "a fox"}, {"sesame", "apron", "front-door"}),
        ("POST", "/api/generate", {"model": "fox", "prompt": "", "keep_alive": 0}, {"apron", "front-door"}),
        ("DELETE", "/models/fox/loaded", None, {"broom", "apron", "front-door"}),
        ("DELETE", "/models/fox/loaded/", None, {"broom", "apron", "front-door"}),
        ("DELETE", "/api/delete", {"model": "none"}, {"broom", "apron", "front-door"}),
        ("GET", "/models", None, {"sesame", "broom", "apron", "wall", "front-door"}),
        ("GET", "/jobs", None, {"sesame", "apron", "front-door"}),
        ("GET", "/keys", None, {"apron", "front-door"}),
        ("POST", "/api/chat", {}, {"sesame", "broom", "apron", "wall", "front-door"}),
    ],
)
def test_a_key_is_for_what_its_scopes_say(tmp_path, method, path, sent, allowed):
    async def act(client):
        found = {}
        for key in ("sesame", "broom", "apron", "wall", "front-door"):
            status, said = await answered(client, key, method, path, json=sent)
            found[key] = (status, said.get("code"))
        return found

    found = ask(tmp_path, act, **said_by_family())
    refused = {key for key, told in found.items() if told == (403, "guard.scope")}
    assert refused == found.keys() - allowed, found


def test_a_refusal_says_which_scope_is_needed_in_the_dialects_shape(tmp_path):
    async def act(client):
        _, own = await answered(client, "wall", "POST", "/generate", json={"prompt": "a fox"})
        assert "the scope generate" in own["error"]
        async with client.post("/v1/images/generations", json={"prompt": "a fox"}, headers=of("wall")) as answer:
            error = (await answer.json())["error"]
            challenge = answer.headers["WWW-Authenticate"]
        assert (answer.status, error["code"], error["type"]) == (403, "missing_scope", "invalid_request_error")
        assert challenge == 'Bearer error="insufficient_scope", scope="generate"'
        async with client.post("/v1/images/generations", json={"prompt": "a fox"}, headers=of("none")) as answer:
            assert (answer.status, (await answer.json())["error"]["code"]) == (401, "invalid_api_key")
        async with client.post("/v1/predictions", json={}, headers=of("wall")) as answer:
            assert (answer.status, (await answer.json())["title"]) == (403, "guard.scope")

    ask(tmp_path, act, **said_by_family())


def test_a_key_that_has_expired_is_told_so_and_opens_nothing(tmp_path):
    async def act(client):
        status, said = await answered(client, "bygone", "GET", "/jobs")
        assert (status, said["code"]) == (401, "guard.expired")
        client.server.app[GUARD]._wall = lambda: 0.0  # before
        assert (await answered(client, "bygone", "GET", "/jobs"))[0] == 200

    ask(tmp_path, act, **said_by_family())


def test_a_key_sees_and_ends_its_own_orders_alone(tmp_path):
    async def act(client):
        asking = asyncio.create_task(answered(client, "sesame", "POST", "/generate", json={"prompt": "hold"}))
        await client.worker.news.wait()
        (order,) = client.server.app[ORDERS].open
        for key, whose in (("sesame", [None]), ("hopscotch", []), ("apron", ["anna"]), ("front-door", ["anna"])):
            _, said = await answered(client, key, "GET", "/jobs")
            assert [each.get("key") for each in said["orders"]] == whose, key
            assert len(said["jobs"]) == len(whose)
        for name in (order.id, order.pictures[0].job):
            assert (await answered(client, "hopscotch", "DELETE", f"/jobs/{name}"))[0] == 404
        _, listed = await answered(client, "apron", "GET", "/keys")
        assert [each["orders"] for each in listed["keys"] if each["name"] == "anna"] == [1]
        assert "sesame" not in str(listed)
        for key, seen in (("apron", True), ("hopscotch", False)):
            async with client.get("/metrics", headers=of(key)) as answer:
                assert ('imagine_key_jobs{key="anna",state="running"} 1.0' in await answer.text()) == seen
        assert (await answered(client, "apron", "DELETE", f"/jobs/{order.id}"))[0] == 200
        assert (await asking)[0] == 499

    ask(tmp_path, act, **said_by_family())


def test_an_order_that_lasts_is_its_keys_and_whose_who_see_all(tmp_path):
    async def act(client):
        _, order = await answered(client, "sesame", "POST", "/jobs", json={"prompt": "a fox"})
        for path in ("", "/events", "/result"):
            status, said = await answered(client, "hopscotch", "GET", f"/jobs/{order['id']}{path}")
            assert (status, said["code"]) == (404, "job.unknown"), path
        assert (await answered(client, "hopscotch", "GET", f"/jobs?before={order['id']}"))[0] == 404
        assert (await answered(client, "hopscotch", "GET", "/jobs"))[1]["detached"] == []
        assert (await answered(client, "apron", "GET", f"/jobs/{order['id']}"))[0] == 200
        ids = []
        for key in ("sesame", "sesame", "hopscotch"):
            headers = of(key) | {"Idempotency-Key": "one"}
            async with client.post("/generate", json={"prompt": "a fox"}, headers=headers) as answer:
                ids.append(answer.headers["X-Imagine-Order"])
        assert ids[0] == ids[1] != ids[2]
        for key in ("apron", "front-door"):
            assert (await answered(client, key, "GET", "/jobs"))[1]["detached"] == []
            _, said = await answered(client, key, "GET", "/jobs?all=1")
            assert [(each["id"], each["key"]) for each in said["detached"]] == [
                (ids[2], "ben"),
                (ids[0], "anna"),
                (order["id"], "anna"),
            ]
        status, said = await answered(client, "sesame", "GET", "/jobs?all=1")
        assert (status, said["code"]) == (403, "guard.scope")

    ask(tmp_path, act, **said_by_family())


@pytest.mark.parametrize("path", ["/generate", "/jobs"])
def test_how_long_a_model_stays_is_said_by_keys_for_models(tmp_path, path):
    async def act(client):
        for key, kept in (("sesame", None), ("apron", 0.0), ("front-door", 0.0)):
            body = {"prompt": "a fox", "keep_alive": 0}
            status, said = await answered(client, key, "POST", path, json=body)
            assert status in (200, 202)
            assert ("keep_alive isn't for this key" in str(said["warnings"])) == (kept is None)
            await client.worker.news.wait()
            client.worker.news.clear()
            assert client.worker.seen[-1].keep_alive == kept

    ask(tmp_path, act, **said_by_family())


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/jobs?key=sesame&api_key=sesame&access_token=sesame", {}), ("/jobs", {"Authorization": "Bearer SESAME"}),
        ("/jobs", {"Authorization": "Bearer sesame sesame"}), ("/jobs", {"Authorization": "sesame"}),
        ("/jobs", {"Authorization": "Bearer ｓｅｓａｍｅ"}), ("/jobs", {"Authorization": "Bearer sesame\u200b"}),
        ("/jobs", {"Authorization": "Bearer "}), ("/jobs", {"X-Api-Key": "anna"}), ("/jobs", {"Cookie": "key=sesame"}),
        ("/jobs", {"X-Forwarded-For": "127.0.0.1", "X-Original-URL": "/health"}),
        ("/jobs", {"Authorization": "Bearer sha256:9a5d5c1b"}), ("/health/../jobs", {}),
    ],
)  # fmt: skip
def test_nothing_else_is_a_key(tmp_path, path, headers):
    async def act(client):
        async with client.get(URL(path, encoded=True), headers=headers) as answer:
            return answer.status

    assert ask(tmp_path, act, **said_by_family()) == 401


def test_the_hash_of_a_key_is_no_key_and_its_holder_is_answered(tmp_path, monkeypatch):
    hashed = "sha256:" + digest_of("sesame").hex()
    monkeypatch.setenv("A_KEY", " hopscotch\n")
    keys = settings_from(environ={}, config=f"keys: {{a: {{key_hash: '{hashed}'}}, b: {{key_env: A_KEY}}}}")[0].keys
    for sent, status in (("sesame", 200), ("hopscotch", 200), (hashed, 401), (hashed.removeprefix("sha256:"), 401)):
        assert verdict(Settings(keys=keys), "8.8.8.8", Authorization=f"Bearer {sent}") == status

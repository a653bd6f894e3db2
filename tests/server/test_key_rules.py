"""Which of the owner's rules hold, by key and by dialect; and a request that asks for stricter ones."""

import dataclasses

import pytest

from imagine.server.dialects import DIALECTS
from imagine.server.reload import reload
from imagine.settings.settings import Settings, settings_from
from imagine.words import moderation
from tests.server.comfy.graphs import text_graph
from tests.server.served import ask, settings_at
from tests.server.test_security import LAN, verdict

OWNERS = """
api_key: front-door
keys:
  parents: {key: sesame, moderation: none}
  kids: {key: hopscotch, moderation: {policy: strict, topics: {spiders: ["spider*"]}}}
  guest: {key: knock-knock}
moderation:
  policy: standard
  topics: {clowns: ["clown*"]}
  dialects: {openai: strict, ollama: minors-only}
"""
KEYS = {"parents": "sesame", "kids": "hopscotch", "guest": "knock-knock", None: "front-door"}
PATHS = {
    "imagine": "/generate",
    "openai": "/v1/images/generations",
    "ollama": "/api/generate",
    "huggingface": "/models/fox",
    "mcp": "/mcp",
    "replicate": "/v1/models/imagine/fox/predictions",
    "a1111": "/sdapi/v1/txt2img",
    "comfy": "/prompt",
}
ASKS = {
    "none": "two foxes",
    "minors-only": "a naked child",
    "standard": "a nude woman",
    "strict": "a sword fight, blood",
}
"""By policy: what it is the first to refuse; nothing is refused by `none`."""
USUAL = dict.fromkeys(PATHS, "standard") | {"openai": "strict", "ollama": "minors-only"}
HOLDS = {
    "parents": dict.fromkeys(PATHS, "none"), "kids": dict.fromkeys(PATHS, "strict"), "guest": USUAL, None: USUAL,
}  # fmt: skip


def said_by_owner(text=OWNERS):
    settings, _ = settings_from(environ={}, config=text)
    names = ("api_key", "keys", "moderation", "blocked_terms")
    return {name: getattr(settings, name) for name in names}


async def answered(client, key, dialect, prompt, **said):
    body = {"prompt": prompt, "model": "fox", **({"stream": False} if dialect == "ollama" else {}), **said}
    if dialect == "huggingface":
        body = {"inputs": prompt}
    if dialect == "replicate":
        body = {"input": {"prompt": prompt}}
    if dialect == "mcp":
        params = {"name": "generate_image", "arguments": {"prompt": prompt, "model": "fox", "wait_seconds": 0}}
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    if dialect == "comfy":
        body = {"prompt": text_graph(text=prompt)}
    headers = {"Authorization": f"Bearer {KEYS[key]}"}
    async with client.post(PATHS[dialect], json=body, headers=headers) as answer:
        said = (await answer.read()).decode(errors="replace")
        return 400 if '"isError":true' in said else 200 if answer.status == 201 else answer.status, said


def test_dialects_are_those_of_the_server():
    drawing = {one.name.lower() for one in DIALECTS if any(route.orders for route in one.routes)}
    assert drawing == {*moderation.DIALECTS} == {*PATHS}


@pytest.mark.parametrize("key", KEYS)
def test_a_keys_own_word_holds_else_the_dialects_else_the_servers(tmp_path, key):
    async def act(client):
        for dialect, policy in HOLDS[key].items():
            for first, prompt in ASKS.items():
                refused = first != "none" and moderation.POLICIES.index(first) <= moderation.POLICIES.index(policy)
                status, said = await answered(client, key, dialect, prompt)
                assert status == (400 if refused else 200), (dialect, prompt, said)
                assert not refused or f"(policy {policy})" in said

    ask(tmp_path, act, **said_by_owner())


def test_a_plan_is_held_to_what_holds_for_its_key(tmp_path, caplog):
    async def act(client):
        for key, status in (("parents", 200), ("guest", 200), ("kids", 400)):
            headers = {"Authorization": f"Bearer {KEYS[key]}"}
            async with client.post("/assist", json={"prompt": ASKS["strict"]}, headers=headers) as answer:
                said = await answer.json()
            assert answer.status == status, (key, said)
        assert "(policy strict)" in said["error"]

    caplog.set_level("INFO")
    ask(tmp_path, act, **said_by_owner())
    assert "key=kids" in caplog.text


def test_a_request_is_held_to_the_stricter_one_in_every_dialect_that_has_the_field(tmp_path):
    async def act(client):
        for key, dialect, asked, prompt, status in (
            ("parents", "imagine", "standard", "a nude woman", 400),
            ("parents", "openai", "standard", "a nude woman", 400),
            ("parents", "openai", "low", "a nude woman", 200), ("kids", "openai", "low", "a nude woman", 400),
            ("kids", "imagine", "none", "a nude woman", 400), ("guest", "openai", "none", "a nude woman", 400),
            ("guest", "imagine", "strict", "a nude marble statue", 400), ("guest", "imagine", "none", "a fox", 200),
        ):  # fmt: skip
            found = await answered(client, key, dialect, prompt, moderation=asked)
            assert found[0] == status, (key, dialect, asked, found)
        _, said = await answered(client, "kids", "imagine", "a fox", moderation="none")
        assert "moderation 'none' has no effect: strict holds here, and is stricter" in said
        _, said = await answered(client, "parents", "imagine", "a fox", moderation="none")
        assert "no effect" not in said

    ask(tmp_path, act, **said_by_owner())


def test_what_holds_is_described_to_who_asks(tmp_path):
    async def act(client):
        for key, policy in (("parents", "none"), ("kids", "strict"), ("guest", "standard")):
            headers = {"Authorization": f"Bearer {KEYS[key]}"}
            async with client.get("/openapi.json", headers=headers) as answer:
                schemas = (await answer.json())["components"]["schemas"]
            assert schemas["GenerateRequest"]["properties"]["moderation"]["default"] == policy

    ask(tmp_path, act, **said_by_owner())


def test_topics_of_a_keys_own_stand_in_place_of_the_servers_and_terms_hold_for_all(tmp_path):
    async def act(client):
        for key, prompt, status in (
            ("kids", "a spider", 400), ("kids", "a clown", 200), ("parents", "a clown", 400), ("guest", "a clown", 400),
            ("guest", "a spider", 200), ("parents", "a teapot", 400), ("kids", "a teapot", 400),
        ):  # fmt: skip
            assert (await answered(client, key, "ollama", prompt))[0] == status, (key, prompt)

    ask(tmp_path, act, **said_by_owner(OWNERS + "blocked_terms: [teapot]"))


def test_a_reload_changes_what_holds_and_who_is_answered(tmp_path):
    async def act(client):
        assert (await answered(client, "kids", "imagine", "a nude woman"))[0] == 400
        wanted = settings_from(environ={}, config=OWNERS.replace("policy: strict", "policy: none"))[0]
        await reload(client.server.app, lambda: dataclasses.replace(settings_at(tmp_path), **_of(wanted)))
        assert (await answered(client, "kids", "imagine", "a nude woman"))[0] == 200
        wanted = dataclasses.replace(wanted, keys=wanted.keys[:1])
        await reload(client.server.app, lambda: dataclasses.replace(settings_at(tmp_path), **_of(wanted)))
        assert (await answered(client, "kids", "imagine", "a fox"))[0] == 401

    ask(tmp_path, act, **said_by_owner())


def _of(settings):
    return {name: getattr(settings, name) for name in ("api_key", "keys", "moderation")}


def test_the_log_says_whose_key_it_was(tmp_path, caplog):
    async def act(client):
        await answered(client, "kids", "imagine", "a nude woman")

    caplog.set_level("INFO")
    ask(tmp_path, act, **said_by_owner())
    assert "key=kids" in caplog.text
    assert "hopscotch" not in caplog.text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": "Bearer sesame"}, 200), ({"Authorization": "Bearer hopscotch"}, 200),
        ({"X_Api_Key": "hopscotch"}, 200), ({"Authorization": "Basic OmhvcHNjb3RjaA=="}, 200),
        ({"Authorization": "Bearer sesam"}, 401), ({}, 401),
    ],
)  # fmt: skip
def test_whoever_has_one_of_the_keys_is_answered(headers, status):
    keys = said_by_owner()["keys"]
    assert verdict(Settings(keys=keys), "8.8.8.8", **headers) == status
    assert verdict(Settings(keys=keys, allow_remote=LAN), "8.8.8.8", **headers) == 403

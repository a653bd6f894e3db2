"""Prompts held against what they mean, as requests: an encoder of few words stands for a large one."""

import json
import threading

import numpy as np
import pytest

from imagine.moderation.clauses import pieces_of
from imagine.words.moderation import EmbeddingSettings, ModerationSettings
from tests.guard.encoders import static
from tests.server.served import ask, settings_at

# "private" stands in an example of nudity alone, "cat" and "child" in innocent ones.
VECTORS = {
    "spider": (1, 0, 0, 0), "arachnid": (0.95, 0.1, 0, 0), "private": (0, 1, 0, 0), "garbless": (0, 0.95, 0.1, 0),
    "cat": (0, 0, 1, 0), "kitten": (0, 0, 0.9, 0.1), "statue": (0, 0, 0, 1), "child": (0, 0, 0, 1),
}  # fmt: skip
TOPICS = {"spiders": ("spider*",)}


@pytest.fixture
def folder(tmp_path):
    static(tmp_path / "models/embedders/few-words", VECTORS)
    return tmp_path


def moderation(policy="minors-only", topics=TOPICS, **said):
    return ModerationSettings(policy=policy, topics=topics, embeddings=EmbeddingSettings(**said))


async def told(client, path="/generate", language="en", **body):
    async with client.post(path, json=body, headers={"Accept-Language": language}) as answer:
        return answer.status, await answer.json()


async def ready(client):
    """Waits for the guard, however long that takes."""
    await client.gateway.entries()
    client.gateway.meanings.watch()
    await client.gateway.meanings.guard.settled()


def test_what_only_means_it_is_refused_in_every_dialect(folder, caplog):
    async def act(client):
        await ready(client)
        for path, body in (("/generate", {}), ("/v1/images/generations", {}), ("/api/generate", {"model": "fox"})):
            status, said = await told(client, path, prompt="an arachnid", **body)
            assert status == 400, path
            assert "speaks of 'spiders'" in json.dumps(said)
            assert (await told(client, path, prompt="a kitten", stream=False, **body))[0] == 200
        _, said = await told(client, prompt="a cat, an arachnid, a kitten", language="ru")
        assert "речь о «spiders»" in said["error"]
        assert (said["rule"], said["categories"], said["stage"]) == ("embedding", ["spiders"], "prompt")
        async with client.get("/metrics") as answer:
            assert 'imagine_moderation_total{action="block",rule="embedding",stage="prompt"} 4.0' in await answer.text()

    caplog.set_level("INFO")
    ask(folder, act, moderation=moderation())
    assert "rule='embedding'" in caplog.text
    assert "arachnid" not in caplog.text


@pytest.mark.parametrize(
    ("body", "blocked"),
    [
        ({}, False), ({"moderation": "standard"}, True), ({"prompt": "a child, garbless"}, True),
        ({"prompt": "g4rbless", "moderation": "standard"}, True),
        ({"prompt": "a statue, garbless", "moderation": "standard"}, None),
        ({"prompt": "a statue, garbless", "moderation": "strict"}, True),
        ({"prompt": "a kitten", "moderation": "strict"}, False),
    ],
)  # fmt: skip
def test_a_policy_says_what_becomes_of_a_meaning(folder, body, blocked):
    """Words and meanings together tell a minor, and art, which one policy only warns of (None)."""

    async def act(client):
        await ready(client)
        status, said = await told(client, **({"prompt": "somebody garbless"} | body))
        assert status == (400 if blocked else 200), said
        assert ("nudity in art" in str(said.get("warnings"))) is (blocked is None)

    ask(folder, act, moderation=moderation())


@pytest.mark.parametrize(("threshold", "blocked"), [(None, True), (0.7, True), (1.0, False)])
def test_similarity_alone_is_a_rule_too(folder, threshold, blocked):
    async def act(client):
        await ready(client)
        assert ((await told(client, prompt="an arachnid"))[0] == 400) is blocked

    ask(folder, act, moderation=moderation(rule="similarity", threshold=threshold))


@pytest.mark.parametrize(("fail", "status"), [("open", 200), ("closed", 400)])
@pytest.mark.parametrize("model", [None, "elsewhere"])
def test_what_can_not_be_told_is_drawn_or_refused_as_the_owner_has_it(folder, fail, status, model):
    if model is None:
        (folder / "models/embedders/few-words/config.json").write_text("[")

    async def act(client):
        answered, said = await told(client, prompt="a kitten")
        assert answered == status
        if status == 400:
            assert "can't be checked just now" in said["error"]
            assert (said["rule"], said["categories"]) == ("embedding", [])
        assert (await told(client, prompt="a naked child"))[0] == 400, "words are looked at all the same"
        _, scores = await told(client, "/v1/moderations", input="garbless")
        assert any("words alone" in warning for warning in scores["warnings"])

    ask(folder, act, moderation=moderation(fail=fail, model=model))


def test_nothing_runs_where_nothing_is_looked_for_and_settings_are_taken_over(folder):
    async def act(client):
        assert (await told(client, prompt="an arachnid"))[0] == 200
        assert client.gateway.meanings.guard.pid is None
        client.gateway.reload(settings_at(folder, moderation=moderation()))
        await ready(client)
        assert (await told(client, prompt="an arachnid"))[0] == 400
        client.gateway.reload(settings_at(folder, moderation=moderation(topics={"kittens": ("kitten",)})))
        await ready(client)
        assert (await told(client, prompt="an arachnid"))[0] == 200
        assert (await told(client, prompt="a cat"))[0] == 400
        client.gateway.reload(settings_at(folder, moderation=moderation(model="")))
        assert (await told(client, prompt="an arachnid"))[0] == 200

    ask(folder, act, moderation=moderation("none", {}))


def test_an_encoder_is_listed_and_never_a_model(folder):
    async def act(client):
        listed = {entry.name: entry.kind for entry in await client.gateway.entries()}
        assert listed["few-words"] == "embedder"
        status, said = await told(client, prompt="a fox", model="few-words")
        assert status == 422
        assert "comparing prompts" in json.dumps(said)

    ask(folder, act)


def test_moderations_score_meanings_and_nothing_makes_them_fail(folder):
    chance = np.random.default_rng(5)
    odd = [
        "",
        " ",
        "\0",
        "😀" * 500,
        ", ".join(["garbless"] * 2000),
        "a\u202eb",
        "()[]{}::",
        "x" * 32_000,
        "{a|b}\n" * 99,
    ]
    odd += ["".join(map(chr, chance.integers(1, 0xD7FF, 60))) for _ in range(30)]

    async def act(client):
        await ready(client)
        _, said = await told(client, "/v1/moderations", input=["garbless", "a kitten"])
        assert [result["flagged"] for result in said["results"]] == [True, False]
        assert said["results"][0]["category_scores"]["sexual"] > 0.5
        for at in range(0, len(odd), 8):
            status, said = await told(client, "/v1/moderations", input=odd[at : at + 8])
            assert status == 200, said
            assert len(said["results"]) == len(odd[at : at + 8])

    ask(folder, act, moderation=moderation())


def test_a_long_prompt_is_taken_to_pieces_beside_the_loop(folder, monkeypatch):
    where = []

    def pieces(text):
        where.append(threading.current_thread() is threading.main_thread())
        return pieces_of(text)

    monkeypatch.setattr("imagine.server.gateway.meanings.pieces_of", pieces)

    async def act(client):
        await ready(client)
        assert (await told(client, prompt="a kitten, " * 300 + "an arachnid"))[0] == 400
        assert (await told(client, "/v1/moderations", input=["a kitten " * 200] * 2))[0] == 200

    ask(folder, act, moderation=moderation())
    assert where
    assert not any(where)


@pytest.mark.parametrize(("fail", "status"), [("open", 200), ("closed", 400)])
def test_the_rest_of_what_is_too_long_to_compare_is_as_what_can_not_be_told(folder, fail, status):
    kittens = " ".join(f"a kitten {chr(97 + at % 26)}{chr(97 + at // 26)}" for at in range(400))

    async def act(client):
        await ready(client)
        assert (await told(client, prompt=kittens))[0] == status
        assert (await told(client, prompt=f"an arachnid, {kittens}"))[0] == 400

    ask(folder, act, moderation=moderation(fail=fail))

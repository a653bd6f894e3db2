"""What isn't to be drawn is refused in each dialect's own shape, in its user's language."""

import json

import pytest

from imagine.words.moderation import ModerationSettings
from tests.server.served import ask

BLOCKED = {"blocked_terms": ("gore",)}


async def refused(client, path, body, **headers):
    async with client.post(path, json=body, headers=headers) as answer:
        return answer.status, await answer.json(), answer.headers


def test_our_own_names_the_code_and_where_it_was_seen(tmp_path):
    async def act(client):
        status, said, _ = await refused(client, "/generate", {"prompt": "some gore"})
        assert status == 400
        assert said["error"] == "prompt holds 'gore', which this server's owner doesn't want drawn; leave it out"
        known = {name: said[name] for name in ("code", "field", "categories", "stage", "rule")}
        assert known == {
            "code": "content_policy_violation", "field": "prompt", "categories": [], "stage": "prompt",
            "rule": "blocked_terms",
        }  # fmt: skip
        _, said, _ = await refused(client, "/generate", {"prompt": "some gore"}, **{"Accept-Language": "ru"})
        assert said["error"] == "в поле prompt есть «gore», а владелец сервера не разрешает это рисовать; уберите это"

    ask(tmp_path, act, **BLOCKED)


@pytest.mark.parametrize(
    ("path", "model", "kind", "code"),
    [
        ("/v1/images/generations", "tiny", "image_generation_user_error", "moderation_blocked"),
        ("/v1/images/generations", "dall-e-3", "invalid_request_error", "content_policy_violation"),
        ("/openai/deployments/dall-e-3/images/generations", None, "invalid_request_error", "content_policy_violation"),
        ("/openai/deployments/gpt-image-1/images/generations", None, "image_generation_user_error",
         "moderation_blocked"),
    ],
)  # fmt: skip
def test_openais_begins_with_the_words_its_users_know(tmp_path, path, model, kind, code):
    async def act(client):
        status, said, headers = await refused(client, path, {"prompt": "some gore", "model": model})
        assert (status, headers["x-should-retry"]) == (400, "false")
        assert said["error"] == {
            "message": "Your request was rejected as a result of our safety system: prompt holds 'gore', which this "
            "server's owner doesn't want drawn; leave it out",
            "type": kind, "param": None, "code": code,
            "moderation_details": {"categories": [], "moderation_stage": "input"},
        }  # fmt: skip

    ask(tmp_path, act, **BLOCKED)


def test_ollamas_says_it_beside_its_sentence(tmp_path):
    async def act(client):
        status, said, _ = await refused(client, "/api/generate", {"prompt": "some gore", "model": "tiny"})
        assert (status, said["code"], said["stage"]) == (400, "content_policy_violation", "prompt")
        assert said["error"].startswith("prompt holds 'gore'")

    ask(tmp_path, act, **BLOCKED)


def test_a_request_may_only_be_stricter(tmp_path):
    async def warned(client, **said):
        async with client.post("/generate", json={"prompt": "a fox", **said}) as answer:
            assert answer.status == 200
            return [text for text in (await answer.json())["warnings"] if "moderation" in text]

    async def act(client):
        laxer = "moderation 'minors-only' has no effect: standard holds here, and is stricter"
        assert await warned(client, moderation="minors-only") == [laxer]
        for said in ("standard", "strict", None):
            assert await warned(client, moderation=said) == []
        status, said, _ = await refused(client, "/generate", {"prompt": "a fox", "moderation": "low"})
        assert (status, said["field"]) == (400, "moderation")
        for said in ("low", "auto", "strict"):
            body = {"prompt": "a fox", "moderation": said, "response_format": "b64_json"}
            async with client.post("/v1/images/generations", json=body) as answer:
                assert answer.status == 200
                assert not [
                    text for text in json.loads(await answer.text()).get("warnings", []) if "moderation" in text
                ]

    ask(tmp_path, act, moderation=ModerationSettings(policy="standard"))

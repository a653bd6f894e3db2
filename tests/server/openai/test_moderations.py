"""OpenAI's moderation of texts, by its own client and by whatever else may be sent."""

import asyncio
import base64
import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from imagine.asking.json_body import read_json
from imagine.server.openai.moderations import texts_in
from imagine.words.errors import BadRequest
from imagine.words.moderation import CATEGORIES, ModerationSettings
from tests.server.openai.test_openai_python_sdk import with_client
from tests.server.served import ask

UNSCORED = {
    "harassment", "harassment/threatening", "hate/threatening", "illicit/violent", "self-harm/intent",
    "self-harm/instructions",
}  # fmt: skip


def shown():
    """A picture's file, and the part of an input that holds it."""
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "PNG")
    address = "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
    return file.getvalue(), {"type": "image_url", "image_url": {"url": address}}


def true(result):
    return {name for name, value in result["categories"].items() if value}


def test_openais_client_reads_it(tmp_path):
    def act(client, served):
        answer = client.moderations.create(input=["a naked child", "a fox"], model="omni-moderation-latest")
        bad, good = answer.results
        assert (bad.flagged, bad.categories.sexual_minors, bad.categories.sexual, bad.categories.violence) == (
            True, True, True, False,
        )  # fmt: skip
        assert bad.category_scores.sexual_minors == 1.0
        assert bad.category_applied_input_types.sexual_minors == ["text"]
        assert bad.category_applied_input_types.harassment == []
        assert (good.flagged, good.categories.sexual_minors) == (False, False)
        assert served.worker.seen == []

    with_client(tmp_path, act)


@pytest.mark.parametrize(
    ("text", "categories"),
    [
        ("a fox", set()), ("a nude woman", {"sexual"}), ("a nude marble statue", set()),
        ("a dismembered body", {"violence", "violence/graphic"}), ("a bloody knife", {"violence"}),
        ("голый ребёнок", {"sexual", "sexual/minors"}), ("swastika", {"hate"}), ("самоубийство", {"self-harm"}),
        ([{"type": "text", "text": "a naked"}, {"type": "text", "text": "child"}], {"sexual", "sexual/minors"}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/v1/moderations", "/moderations", "/v1/v1/moderations"])
def test_categories_are_openais(tmp_path, path, text, categories):
    async def act(client):
        async with client.post(path, json={"input": text}) as answer:
            assert answer.status == 200
            said = await answer.json()
        (result,) = said["results"]
        assert true(result) == categories
        assert (result["flagged"], {*result["categories"]}) == (bool(categories), {*CATEGORIES})
        unscored = {name for name, types in result["category_applied_input_types"].items() if not types}
        assert unscored == UNSCORED
        assert all(name in said["warnings"][0] for name in UNSCORED)

    ask(tmp_path, act)


def test_topics_of_the_owners_stand_beside_openais_categories(tmp_path):
    def own(part):
        return {name: value for name, value in part.model_extra.items() if name.startswith("topics/")}

    def act(client, served):
        bad, good = client.moderations.create(input=["a T4RANTULA on a wall", "a fox"]).results
        assert (bad.flagged, bad.categories.violence, bad.categories.sexual_minors) == (True, False, False)
        assert own(bad.categories) == {"topics/spiders": True, "topics/clowns": False}
        assert own(bad.category_scores) == {"topics/spiders": 1.0, "topics/clowns": 0.0}
        assert own(bad.category_applied_input_types) == {"topics/spiders": ["text"], "topics/clowns": ["text"]}
        assert (good.flagged, own(good.categories)["topics/spiders"]) == (False, False)

    topics = {"spiders": ("tarantula*",), "clowns": ("clown*",)}
    with_client(tmp_path, act, moderation=ModerationSettings(policy="none", topics=topics))


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "missing_required_parameter"), ({"input": []}, "invalid_value"), ({"input": 3}, "invalid_type"),
        ({"input": ["a", 3]}, "invalid_type"), ({"input": ["a", {"type": "text", "text": "b"}]}, "invalid_type"),
        ({"input": "x" * 32_001}, "string_above_max_length"), ({"input": ["x"] * 65}, "invalid_value"),
        ({"input": [{"type": "image_url", "image_url": {"url": "data:"}}]}, "unsupported_value"),
        ({"input": [{"type": "image_url", "image_url": {"url": "http://x/a.png"}}]}, "unsupported_value"),
        ({"input": [{"type": "image_url"}]}, "unsupported_value"),
        ({"input": [{"type": "sound"}]}, "unsupported_value"),
        ({"input": [{"type": "image_url", "image_url": "data:image/png;base64,AAAA"}]}, "invalid_image_file"),
        ({"input": [{"type": "image_url", "image_url": "data:image/png;base64,AAAA"}] * 9}, "invalid_value"),
        ({"input": [{"text": 1}]}, "invalid_type"),
    ],
)  # fmt: skip
def test_what_can_not_be_looked_at_is_refused_in_openais_shape(tmp_path, body, code):
    async def act(client):
        async with client.post("/v1/moderations", json=body) as answer:
            said = (await answer.json())["error"]
            assert (answer.status, said["code"], said["param"]) == (400, code, "input")

    ask(tmp_path, act)


def test_pictures_are_looked_at_and_never_fetched(tmp_path):
    file, part = shown()

    def act(client, served):
        parts = [{"type": "text", "text": "a bloody knife"}, part]
        (result,) = client.moderations.create(input=parts).results
        assert (result.categories.sexual, result.categories.violence) == (True, True)
        assert result.category_scores.sexual == 0.8
        applied = result.category_applied_input_types
        assert (applied.sexual, applied.violence) == (["text", "image"], ["text"])
        assert served.worker.scored == [("looks", file)]

    with_client(tmp_path, act)


def test_who_leaves_before_a_picture_is_looked_at_gives_back_the_turn_and_the_place(tmp_path):
    body = {"input": [shown()[1]]}

    async def act(client):
        score, asked = client.worker.score, asyncio.Event()

        async def never(*_):
            asked.set()
            await asyncio.Event().wait()

        client.worker.score = never
        waiting = asyncio.create_task(client.post("/v1/moderations", json=body))
        await asked.wait()
        client.worker.score = score
        waiting.cancel()
        await asyncio.wait([waiting])
        async with client.post("/v1/moderations", json=body) as answer:
            assert answer.status == 200
        assert client.gateway.scoring._asking.total() == 0

    ask(tmp_path, act)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "text", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(JSON)
def test_whatever_is_sent_is_looked_at_or_refused(value):
    try:
        texts = texts_in(read_json(json.dumps({"input": value}).encode()))
    except BadRequest:
        return
    assert texts
    assert all(isinstance(text, str) for text in texts)

"""A picture that isn't to be shown: refused in each dialect's shape, told among others that are, and kept nowhere."""

import json
import logging

import pytest

from imagine.words.moderation import ModerationSettings
from tests.server.served import ask

SEEN = (
    "the picture isn't shown: the topic 'hearts' is seen in it, which this server doesn't show; ask for something "
    "else, or for another seed"
)
SEEN_RU = (
    "картинка не показана, на ней замечено: тема «hearts». Такого этот сервер не показывает; попросите что-нибудь "
    "другое или другой сид"
)
DETAILS = {"code": "content_policy_violation", "categories": ["hearts"], "stage": "picture", "rule": "toy-hearts"}
REJECTED = {
    "message": f"Your request was rejected as a result of our safety system: {SEEN}", "param": None,
    "type": "image_generation_user_error", "code": "moderation_blocked",
    "moderation_details": {"categories": ["hearts"], "moderation_stage": "output"},
}  # fmt: skip


async def said(client, path, body, **headers):
    """The status, and the answer: each line of it, or each event."""
    async with client.post(path, json=body, headers=headers) as answer:
        text = await answer.text()
        lines = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith(("{", "data: "))]
        return answer.status, [json.loads(line) for line in lines]


@pytest.mark.parametrize(
    ("path", "body", "status", "last"),
    [
        ("/generate", {}, 400, {"error": SEEN, **DETAILS}),
        ("/generate", {"stream": 2, "progress": True}, 200, {"error": SEEN, **DETAILS}),
        ("/v1/images/generations", {}, 400, {"error": REJECTED}),
        ("/v1/images/generations", {"stream": True, "partial_images": 1}, 200, {"type": "error", "error": REJECTED}),
        ("/api/generate", {"stream": False}, 400, {"error": SEEN, **DETAILS}),
        ("/api/generate", {"stream": True}, 200, {"error": SEEN, **DETAILS}),
    ],
)  # fmt: skip
def test_one_picture_ends_with_the_refusal(tmp_path, path, body, status, last):
    async def act(client):
        asked = {"prompt": "hearts 7", "seed": 7, "model": "fox", "num_steps": 4, "options": {"seed": 7}, **body}
        asked = {name: value for name, value in asked.items() if path.startswith("/api") or name != "options"}
        got, lines = await said(client, path, asked)
        assert (got, lines[-1]) == (status, last)
        assert "png of seed" not in json.dumps(lines)

    ask(tmp_path, act)


def test_it_is_said_in_russian_and_counted_and_written_down_without_the_prompt(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    log = tmp_path / "verdicts.jsonl"

    async def act(client):
        _, [answer] = await said(client, "/generate", {"prompt": "hearts 7", "seed": 7}, **{"Accept-Language": "ru"})
        assert answer["error"] == SEEN_RU
        async with client.get("/metrics") as metrics:
            counted = 'imagine_moderation_total{action="block",rule="toy-hearts",stage="picture"} 1.0'
            assert counted in await metrics.text()

    ask(tmp_path, act, moderation=ModerationSettings(log=log))
    (line,) = map(json.loads, log.read_text().splitlines())
    assert (line["stage"], line["rule"], line["categories"]) == ("picture", "toy-hearts", {"hearts": 0.9})
    assert "moderation block stage=picture rule='toy-hearts' categories=hearts" in caplog.text
    assert "hearts 7" not in caplog.text + log.read_text()


# Several


def several(**more):
    return {"prompt": "hearts 6 8", "seed": 5, "count": 4, "num_steps": 2, **more}


def test_of_several_the_others_come_and_it_is_told_which_does_not(tmp_path):
    async def act(client):
        status, [answer] = await said(client, "/generate", several())
        assert status == 200
        left = {"status": "blocked", "error": SEEN, **DETAILS}
        assert [image if "error" in image else image["seed"] for image in answer["images"]] == [
            "5", {**left, "seed": "6"}, "7", {**left, "seed": "8"}
        ]  # fmt: skip
        assert (answer["seed"], answer["img"]) == ("5", answer["images"][0]["img"])
        assert answer["warnings"][-2:] == [
            f"picture 2 of 4 is left out, its seed was 6: {SEEN}", f"picture 4 of 4 is left out, its seed was 8: {SEEN}"
        ]  # fmt: skip
        _, lines = await said(client, "/generate", several(stream=1))
        last = {line["index"]: line for line in lines}
        assert [last[index]["status"] for index in range(4)] == ["final", "blocked", "final", "blocked"]
        assert last[1] == {**left, "seed": "6", "index": 1}

    ask(tmp_path, act)


def test_openais_clients_get_those_that_there_are_and_then_the_error(tmp_path):
    async def act(client):
        asked = {"prompt": "hearts 6 8", "n": 4, "seed": 5, "response_format": "b64_json"}
        status, [answer] = await said(client, "/v1/images/generations", asked)
        assert (status, [each["seed"] for each in answer["data"]]) == (200, ["5", "7"])
        assert answer["warnings"][-1] == f"picture 4 of 4 is left out, its seed was 8: {SEEN}"
        _, events = await said(client, "/v1/images/generations", asked | {"stream": True})
        assert [event.get("seed") for event in events] == ["5", "7", None]
        assert events[-1] == {"type": "error", "error": REJECTED}

    ask(tmp_path, act)


def test_ollamas_last_line_tells_it(tmp_path):
    async def act(client):
        asked = {"model": "fox", "prompt": "hearts 6 8", "options": {"seed": 5}, "count": 4}
        _, [answer] = await said(client, "/api/generate", asked | {"stream": False})
        assert [each["seed"] for each in answer["images"]] == ["5", "7"]
        _, lines = await said(client, "/api/generate", asked | {"stream": True})
        for end in (answer, lines[-1]):
            assert (end["done"], end["done_reason"]) == (True, "stop")
            assert end["warnings"][-2:] == [
                f"picture 2 of 4 is left out, its seed was 6: {SEEN}",
                f"picture 4 of 4 is left out, its seed was 8: {SEEN}",
            ]
        assert [line["seed"] for line in lines if "image" in line] == ["5", "7"]

    ask(tmp_path, act)


def test_where_none_is_left_there_is_no_answer(tmp_path):
    async def act(client):
        for body in ({}, {"stream": 1}):
            status, lines = await said(client, "/generate", several(prompt="hearts 5 6 7 8", **body))
            assert (status, lines[-1]) == (200 if body else 400, {"error": SEEN, **DETAILS})

    ask(tmp_path, act)


def test_nothing_of_it_is_kept(tmp_path):
    async def act(client):
        asked = {"prompt": "hearts 6", "seed": 5, "n": 2, "response_format": "url"}
        _, [answer] = await said(client, "/v1/images/generations", asked)
        assert len(answer["data"]) == 1

    ask(tmp_path, act)
    assert [path.read_bytes()[:13] for path in (tmp_path / "pictures").glob("*.png")] == [b"png of seed 5"]

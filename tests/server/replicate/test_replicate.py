"""Replicate's predictions: asked for, polled, cancelled, and what of a request is honoured."""

import asyncio
import base64
import json
from pathlib import Path

import pytest

from imagine.asking.request import parse
from imagine.server.replicate.requests import prediction_from, wait_from
from imagine.settings.keys import NamedKey
from imagine.words.errors import BadRequest
from tests.clients import python_with
from tests.server.openai.painting import KEY, opened, with_server
from tests.server.test_dialects import NATIVE, WISHES

PATIENCE = 240


@pytest.mark.slow
def test_the_official_client(tmp_path):
    python = python_with("replicate")

    async def act(url, served):
        script = str(Path(__file__).parent / "official.py")
        process = await asyncio.create_subprocess_exec(
            python, script, url.removesuffix("/v1"),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        async with asyncio.timeout(PATIENCE):
            out, err = await process.communicate()
        assert process.returncode == 0, err.decode()
        seen = json.loads(out)
        pictures = [opened(base64.b64decode(each)) for each in seen["drawn"]]
        assert [(each.size, each.format) for each in pictures] == [((64, 96), "WEBP")] * 2
        assert opened(base64.b64decode(seen["changed"][0])).size == (64, 96)
        assert served.worker.seen[2].params.strength == 0.4
        assert seen["polled"] == ["succeeded", "imagine/fox", 25, 1]
        assert seen["held"] == ["starting", "canceled"]
        assert seen["failed"] == ["failed", "no picture this time"]
        assert (seen["unknown"][0], "not found" in seen["unknown"][1]) == (404, True)
        assert (seen["wrong"][0], "width" in seen["wrong"][1]) == (400, True)
        assert seen["gone"][0] == 404

    (tmp_path / "models" / "owl").mkdir(parents=True)
    with_server(tmp_path, act, models=("fox", "owl/barn"))


def test_a_prediction_from_its_beginning_to_its_end(tmp_path):
    async def act(url, served):
        headers = {"Authorization": f"Bearer {KEY}"}
        asked = {"input": {"prompt": "a fox", "width": 64, "height": 64, "colour": 1}, "webhook": "https://x.example"}
        path = "/v1/models/imagine/fox/predictions"
        async with served.post(path, json=asked, headers=headers | {"Prefer": "wait"}) as answer:
            done = await answer.json()
            assert answer.status == 201
        assert (done["status"], done["model"], done["error"]) == ("succeeded", "imagine/fox", None)
        assert opened(base64.b64decode(done["output"][0].partition(",")[2])).size == (64, 64)
        assert done["logs"].splitlines()[-1] == "100%|##########| 25/25"
        assert "webhook has no effect" in done["logs"]
        assert "unknown and left out: 'colour'" in done["logs"]
        async with served.get(
            done["urls"]["get"].partition(str(served.make_url("/")))[2] or "/", headers=headers
        ) as answer:
            assert (await answer.json())["output"] == done["output"]
        holds = {"version": "fox", "input": {"prompt": "hold"}}
        async with served.post("/v1/predictions", json=holds, headers=headers) as answer:
            held = await answer.json()
        assert (held["status"], held["output"]) == ("starting", None)
        for status in ("canceled", "canceled"):
            async with served.post(f"/v1/predictions/{held['id']}/cancel", headers=headers) as answer:
                assert (await answer.json())["status"] == status
        async with served.get(f"/v1/predictions/{held['id']}") as answer:
            assert answer.status == 401

    with_server(tmp_path, act, api_key=KEY)


def test_a_prediction_is_only_its_own_client_s(tmp_path):
    ann, bob = ({"Authorization": f"Bearer {name}-key-of-length"} for name in ("ann", "bob"))

    async def act(url, served):
        async with served.post("/v1/predictions", json={"input": {"prompt": "hold"}}, headers=ann) as answer:
            name = (await answer.json())["id"]
        async with served.get("/jobs", headers=bob) as answer:
            (listed,) = (await answer.json())["orders"]
        assert listed["id"] == name, "whose it is or not, an id is no secret"
        path = f"/v1/predictions/{name}"
        for known_by in (name, listed["pictures"][0]["id"]):
            async with served.get(f"/v1/predictions/{known_by}", headers=bob) as answer:
                assert answer.status == 404
        async with served.post(f"{path}/cancel", headers=bob) as answer:
            assert (answer.status, served.worker.cancelled) == (404, [])
        async with served.get(path, headers=ann) as answer:
            assert (await answer.json())["status"] == "starting"

    keys = tuple(NamedKey(name=name, key=f"{name}-key-of-length") for name in ("ann", "bob"))
    with_server(tmp_path, act, keys=keys)


@pytest.mark.parametrize("wish", [wish for wish in WISHES if "count" not in WISHES[wish][NATIVE]])
def test_one_wish_is_one_request_here_too(wish):
    body = {name: value for name, value in WISHES[wish][NATIVE].items() if name != "fit"}
    said = {name: value for name, value in body.items() if name not in ("model", "img")}
    said |= {"image": body["img"]} if "img" in body else {}
    asked = prediction_from({"input": said, "version": body.get("model")}, None, None)
    assert asked.warnings == []
    assert asked.request == parse(WISHES[wish][NATIVE]).request


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({}, "input is null"),
        ({"input": []}, "input is"),
        ({"input": {}}, "prompt is missing"),
        ({"input": {"prompt": "x"}, "version": 5}, "version is 5"),
        ({"input": {"prompt": "x", "image": "http://localhost/x.png"}}, "image is an address"),
        ({"input": {"prompt": "x", "output_format": "tiff"}}, "output_format is 'tiff'"),
        ({"input": {"prompt": "x", "output_quality": 500}}, "output_quality is 500"),
    ],
)
def test_what_is_wrong_is_told(body, told):
    with pytest.raises(BadRequest, match=told):
        prediction_from(body, None, None)


def test_models_and_waits():
    for owner, name, version, model in (
        ("imagine", "fox", None, "fox"), ("owl", "barn", None, "owl/barn"), (None, None, "imagine/fox:abc", "fox"),
        (None, None, "fox", "fox"), (None, None, None, None),
    ):  # fmt: skip
        assert prediction_from({"input": {"prompt": "x"}, "version": version}, owner, name).request.model == model
    waits = {"": 0, "wait": 60, "wait=5": 5, "respond-async, wait=90": 60, "waiting": 0}
    assert {prefer: wait_from(prefer) for prefer in waits} == waits

"""A dialect is a folder and one entry in a list: this one is made here, and nothing in `src/` knows of it."""

import base64
import json

import pytest

from imagine.server.dialects import DIALECTS
from imagine.server.http import body
from tests.server.made_up_dialect.dialect import BRUSH
from tests.server.served import ask

SPOKEN = (*DIALECTS, BRUSH)
ROUNDS = "rounds is 0; it must be a whole number from 1 to 150"
AGAIN = "that is the second time with this picture, so it isn't tried again"
KEY = {"Authorization": "Bearer secret-key"}


def asked(folder, path, said=None, method="POST", headers=None, **settings):
    """The status of an answer, its headers and its object."""

    async def act(client):
        data = said if isinstance(said, bytes | None) else json.dumps(said)
        async with client.request(method, path, data=data, headers=headers) as answer:
            return answer.status, answer.headers, json.loads(await answer.read())

    return ask(folder, act, dialects=SPOKEN, **settings)


@pytest.mark.parametrize("path", ["/brush/paint", "/paint", "/brush//paint/"])
def test_its_routes_answer_however_they_are_written(tmp_path, path):
    status, _, said = asked(tmp_path, path, {"words": "a fox", "number": 7, "rounds": 4})
    assert (status, base64.b64decode(said["painted"]), said["number"]) == (200, b"png of seed 7", "7")


@pytest.mark.parametrize(
    ("method", "path", "said", "status", "why"),
    [
        ("POST", "/brush/nothing", {}, 404, "there is nothing at this path"),
        ("POST", "/brush", {}, 404, "there is nothing at this path"),
        ("GET", "/brush/paint", None, 405, "this path doesn't take this method"),
        ("POST", "/brush/sculpt", {}, 404, "this server draws pictures and nothing else; use POST /brush/paint"),
        ("POST", "/brush/paint", b"x" * 65, 413, "the body is too large; at most 64 bytes are taken"),
        ("POST", "/brush/paint", {"number": 1}, 400, "words is missing; it must be text of at most 32000 characters"),
        ("POST", "/brush/paint", {"words": "a", "rounds": 0}, 400, ROUNDS),
        ("POST", "/brush/paint", {"words": "fail WorkerLost"}, 502, f"no picture this time; {AGAIN}"),
    ],
)  # fmt: skip
def test_what_goes_wrong_has_its_shape_and_its_names(tmp_path, monkeypatch, method, path, said, status, why):
    monkeypatch.setattr(body, "MAX_BODY", 64)
    monkeypatch.setattr("imagine.server.http.errors.MAX_BODY", 64)
    answer = asked(tmp_path, path, said, method)
    assert (answer[0], answer[2]) == (status, {"painted": None, "why": why, "status": status})


def test_who_may_not_ask_is_told_so_in_its_shape_and_how_to(tmp_path):
    status, headers, said = asked(tmp_path, "/brush/paint", {"words": "a fox"}, api_key="secret-key")
    assert (status, headers["WWW-Authenticate"], said["painted"], said["status"]) == (401, "Bearer", None, 401)
    assert asked(tmp_path, "/brush/paint", {"words": "a fox"}, headers=KEY, api_key="secret-key")[0] == 200


def test_it_is_described_among_the_others_and_changes_none_of_them(tmp_path):
    with_it = asked(tmp_path, "/openapi.json", method="GET")[2]
    operation = with_it["paths"].pop("/brush/paint")["post"]
    assert operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith("/BrushStroke")
    assert with_it["components"]["schemas"].pop("BrushStroke")

    async def act(client):
        async with client.get("/openapi.json") as answer:
            return await answer.json()

    assert with_it == ask(tmp_path, act)


@pytest.mark.parametrize(("path", "shape"), [("/v1/nothing", "type"), ("/api/nothing", None), ("/nothing", None)])
def test_errors_elsewhere_keep_their_shape(tmp_path, path, shape):
    error = asked(tmp_path, path, {})[2]["error"]
    assert shape in error if shape else isinstance(error, str)

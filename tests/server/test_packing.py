"""Bodies that come packed, and answers that go packed."""

import gzip
import json
import zlib

import pytest

from imagine.fairness.allowance import Allowance
from imagine.server.http import body
from imagine.server.http.packing import STEP, Unpacking
from imagine.words.errors import BadRequest
from tests.server.openai.painting import png, with_server
from tests.server.served import ask

BODY = json.dumps({"prompt": "a fox"}).encode()
PACKED = gzip.compress(BODY, mtime=0)
GZIP, DEFLATE = {"Content-Encoding": "gzip"}, {"Content-Encoding": "deflate"}


def statuses(folder, *sent, **said):
    async def act(client):
        found = []
        for data, headers in sent:
            async with client.post(
                "/generate", data=data, headers=headers, skip_auto_headers=("Accept-Encoding",)
            ) as a:
                found.append((a.status, await a.text(), a.headers))
        return found

    return ask(folder, act, **said)


def test_a_packed_body_is_taken(tmp_path):
    sent = [
        (PACKED, GZIP), (zlib.compress(BODY), DEFLATE),
        (PACKED, {"Content-Encoding": "X-GZIP"}), (BODY, {"Content-Encoding": "identity"}),
    ]  # fmt: skip
    assert [status for status, _, _ in statuses(tmp_path, *sent)] == [200] * 4


@pytest.mark.parametrize("data", [b"", BODY, PACKED[:-1], PACKED + b"x", PACKED * 2, b"\x1f\x8b" * 9])
def test_what_is_not_packed_as_it_says_is_told(tmp_path, data):
    ((status, said, _),) = statuses(tmp_path, (data, GZIP))
    assert (status, json.loads(said)["code"]) == (400, "body.garbled")


def test_another_packing_is_told_what_would_do(tmp_path):
    ((status, said, headers),) = statuses(tmp_path, (BODY, {"Content-Encoding": "br"}))
    assert (status, json.loads(said)["code"]) == (415, "http.compressed")
    assert "gzip" in headers["Accept-Encoding"]


def test_a_small_body_does_not_become_a_large_one(tmp_path, monkeypatch):
    bomb = gzip.compress(bytes(2**22))
    assert len(bomb) < 5000
    monkeypatch.setattr(body, "MAX_BODY", 2**21)
    assert statuses(tmp_path, (bomb, GZIP))[0][0] == 413


def test_what_is_unpacked_counts_with_what_all_hold(tmp_path):
    async def act(client):
        client.gateway.allowance = Allowance(2**20)
        async with client.post("/generate", data=gzip.compress(bytes(2**22)), headers=GZIP) as answer:
            return answer.status, answer.headers

    status, headers = ask(tmp_path, act)
    assert (status, headers["Retry-After"]) == (503, "5")


@pytest.mark.parametrize("size", [0, 1, STEP - 1, STEP, STEP + 1, 3 * STEP])
@pytest.mark.parametrize("pieces", [1, 7])
def test_it_is_unpacked_in_steps(size, pieces):
    plain = (b"0123456789abcdef" * (size // 16 + 1))[:size]
    packed = gzip.compress(plain)
    length = -(-len(packed) // pieces)
    unpacking, found = Unpacking("gzip"), []
    for at in range(0, len(packed), length):
        found += unpacking.more(packed[at : at + length])
    unpacking.end()
    assert b"".join(found) == plain
    assert all(0 < len(step) <= STEP for step in found)
    with pytest.raises(BadRequest):
        list(unpacking.more(b"x"))


def test_a_packed_form_is_a_form(tmp_path):
    async def act(url, served):
        import aiohttp

        form = aiohttp.FormData({"prompt": "a fox"})
        form.add_field("image", png(), filename="a.png", content_type="image/png")
        async with served.post("/v1/images/edits", data=form, compress="gzip") as answer:
            return answer.status, await answer.text()

    status, said = with_server(tmp_path, act)
    assert status == 200, said


@pytest.mark.parametrize(
    ("path", "accepted", "packed"),
    [
        ("/openapi.json", "gzip, deflate, br", True), ("/openapi.json", "br, GZIP;q=0.5", True),
        ("/openapi.json", "*", True), ("/openapi.json", "gzip;q=0", False), ("/openapi.json", "gzip; q=0.000", False),
        ("/openapi.json", "deflate", False), ("/openapi.json", "", False), ("/health", "gzip", False),
        ("/metrics", "gzip", True),
    ],
)  # fmt: skip
def test_long_answers_go_packed_to_who_takes_that(tmp_path, path, accepted, packed):
    async def act(client):
        async with client.get(path, headers={"Accept-Encoding": accepted}) as answer:
            assert {"Accept-Encoding", "Origin"} <= set(answer.headers["Vary"].split(", "))
            return answer.headers, await answer.read()

    headers, data = ask(tmp_path, act)
    assert (headers.get("Content-Encoding") == "gzip") is packed
    assert int(headers["Content-Length"]) < len(data) / 3 if packed else int(headers["Content-Length"]) == len(data)


def test_pictures_go_as_they_are(tmp_path):
    async def act(client):
        async with client.post("/generate", data=BODY, headers={"Accept-Encoding": "gzip"}) as answer:
            return answer.headers

    assert "Content-Encoding" not in ask(tmp_path, act)

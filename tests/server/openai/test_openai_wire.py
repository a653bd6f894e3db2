"""What stands on the wire beyond what OpenAI's own clients show: headers, odd and hostile bodies, others' habits."""

import asyncio
import base64
import json

import pytest

from tests.server.openai.painting import png, with_server

GENERATIONS = "/v1/images/generations"


def exchange(folder, *asked, **said):
    """Status, headers and body of each request, given as (path, options)."""

    async def act(url, served):
        found = []
        for path, options in asked:
            method = options.pop("method", "POST")
            async with served.request(method, path, **options) as answer:
                found.append((answer.status, answer.headers, await answer.read()))
        return found

    return with_server(folder, act, **said)


def test_a_body_without_a_content_type_or_with_a_wrong_one_is_json(tmp_path):
    body = b' \n{"prompt": "a fox", "size": "64x64", "response_format": null, "user": null}'
    headers = [{"Content-Type": kind} for kind in ("", "text/plain", "application/x-www-form-urlencoded")]
    for status, _, said in exchange(tmp_path, *((GENERATIONS, {"data": body, "headers": each}) for each in headers)):
        assert status == 200
        assert json.loads(said)["data"][0]["url"]


def test_json_edits(tmp_path):
    url = "data:image/png;base64," + base64.b64encode(png()).decode()
    mask = "data:image/png;base64," + base64.b64encode(png(hole=(0, 0, 9, 9))).decode()
    good = {"prompt": "a fox", "images": [{"image_url": url}], "mask": {"image_url": mask}, "model": "gpt-image-1"}
    bad = {"prompt": "a fox", "images": [{"image_url": "https://example.org/a.png"}]}
    filed = {"prompt": "a fox", "images": [{"file_id": "file-123"}]}
    ollama = {"prompt": "a fox", "image": url}
    ok, fetched, by_id, old = exchange(
        tmp_path, *(("/v1/images/edits", {"json": each}) for each in (good, bad, filed, ollama))
    )
    assert ok[0] == old[0] == 200
    assert json.loads(ok[2])["strength"] == 1.0
    assert fetched[0] == by_id[0] == 400
    assert json.loads(fetched[2])["error"]["param"] == "images"
    assert "fetches nothing" in json.loads(fetched[2])["error"]["message"]


def test_every_answer_has_its_id(tmp_path):
    asked = [
        (GENERATIONS, {"json": {"prompt": "a fox", "size": "64x64"}}),
        (GENERATIONS, {"json": {"prompt": "a fox", "size": "64x64", "stream": True}}),
        (GENERATIONS, {"data": b"{"}),
        ("/v1/nothing", {"method": "GET"}),
        ("/v1/models", {"method": "GET"}),
    ]
    answers = exchange(tmp_path, *asked)
    assert [status for status, _, _ in answers] == [200, 200, 400, 404, 200]
    assert len({headers["x-request-id"] for _, headers, _ in answers}) == len(asked)
    assert answers[1][1]["Content-Type"].startswith("text/event-stream")


def test_a_stream_is_server_sent_events(tmp_path):
    body = {"prompt": "a fox", "size": "64x64", "stream": True, "partial_images": 1, "steps": 2}
    ((_, _, said),) = exchange(tmp_path, (GENERATIONS, {"json": body}))
    blocks = said.decode().removesuffix("\n\n").split("\n\n")
    assert [block for block in blocks if block.startswith(":")] == [": step 1 of 2", ": step 2 of 2"]
    events = [block.split("\n") for block in blocks if not block.startswith(":")]
    assert [name for name, _ in events] == [
        "event: image_generation.partial_image",
        "event: image_generation.completed",
    ]
    for name, data in events:
        assert json.loads(data.removeprefix("data: "))["type"] == name.removeprefix("event: ")
    assert "[DONE]" not in said.decode()


def test_errors_before_the_handler_have_the_shape_too(tmp_path, monkeypatch):
    from imagine.server.http import body

    monkeypatch.setattr(body, "MAX_BODY", 100)
    asked = [
        (GENERATIONS, {"data": b"x" * 101}),
        (GENERATIONS, {"data": b"{}", "headers": {"Content-Encoding": "gzip"}}),
        (GENERATIONS, {"method": "PUT"}),
        (GENERATIONS, {"data": b"{}", "headers": {"Origin": "https://evil.example"}}),
        ("/v1/models", {"method": "GET", "headers": {"Host": "evil.example"}}),
        ("/v1/", {"method": "GET"}),
    ]
    answers = exchange(tmp_path, *asked)
    assert [status for status, _, _ in answers] == [413, 400, 405, 403, 403, 404]
    for _, headers, said in answers:
        error = json.loads(said)["error"]
        assert set(error) == {"message", "type", "param", "code"}
        assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", None, None)
        assert headers["x-should-retry"] == "false"


def test_our_own_mistake_is_a_server_error_without_its_words(tmp_path):
    async def act(url, served):
        served.gateway.pool.submit = lambda job: 1 / 0
        async with served.post(GENERATIONS, json={"prompt": "x"}) as answer:
            return answer.status, await answer.json()

    status, said = with_server(tmp_path, act)
    assert (status, said["error"]["type"], said["error"]["code"]) == (500, "server_error", None)
    assert "division" not in said["error"]["message"]


def test_a_stopping_server_is_no_rate_limit(tmp_path):
    async def act(url, served):
        await served.gateway.stop(0)
        async with served.post(GENERATIONS, json={"prompt": "x"}) as answer:
            return answer.status, answer.headers, await answer.json()

    status, headers, said = with_server(tmp_path, act)
    assert (status, said["error"]["type"]) == (503, "server_error")
    assert "Retry-After" in headers


def test_clients_that_ping_by_options_are_answered(tmp_path):
    (answer,) = exchange(tmp_path, (GENERATIONS, {"method": "OPTIONS"}))
    assert (answer[0], answer[1]["Allow"]) == (204, "POST")


def test_addresses_of_pictures_follow_what_the_client_used(tmp_path):
    body = {"prompt": "a fox", "size": "64x64"}
    ((_, _, said),) = exchange(tmp_path, (GENERATIONS, {"json": body, "headers": {"Host": "localhost:1234"}}))
    assert json.loads(said)["data"][0]["url"].startswith("http://localhost:1234/pictures/")
    ((_, _, said),) = exchange(tmp_path, (GENERATIONS, {"json": body}), public_url="https://pictures.example/base")
    assert json.loads(said)["data"][0]["url"].startswith("https://pictures.example/base/pictures/")


def test_a_picture_that_can_not_be_kept_is_told(tmp_path):
    (tmp_path / "taken").write_text("a file")
    body = {"prompt": "a fox", "size": "64x64"}
    asked, unasked = exchange(
        tmp_path,
        (GENERATIONS, {"json": body | {"response_format": "url"}}),
        (GENERATIONS, {"json": body}),
        pictures=tmp_path / "taken",
    )
    assert (asked[0], json.loads(asked[2])["error"]["type"]) == (500, "server_error")
    assert "can't keep the picture" in json.loads(asked[2])["error"]["message"]
    said = json.loads(unasked[2])
    assert (unasked[0], set(said["data"][0]) & {"url", "b64_json"}) == (200, {"b64_json"})
    assert "url is left out: the server can't keep" in said["warnings"][0]


@pytest.mark.parametrize(
    "body",
    [
        b"", b" ", b"null", b"[]", b"{", b"\xff", b'{"prompt": "a", "prompt": "b"}', b'{"prompt": "\\ud800"}',
        b'{"prompt": "a", "n": NaN}', b'{"prompt": "a", "n": 1e999}', b'{"prompt": "a", "seed": ' + b"9" * 5000 + b"}",
        b'{"prompt": "a", "x": ' + b"[" * 5000 + b"]" * 5000 + b"}", b'{"prompt": "a", "size": ["1x1"]}',
        b'{"prompt": "a", "size": "99999999999x1"}', b'{"prompt": {"a": 1}}', b'{"prompt": "a", "stream": {}}',
        b'{"prompt": "a", "reference_images": {"a": 1}}', b'{"prompt": "a", "reference_images": [[["x"]]]}',
        b'{"prompt": "a", "reference_images": ["AAAA"]}', b'{"prompt": "a", "reference_images": ["data:text/html,x"]}',
        b'{"prompt": "a", "model": "a", "model ": {}}' b"x", b'{"prompt": "a", "hires": {"scale": {}}}',
        b'{"prompt": "a", "width": "512"}', b'{"prompt": "a", "quality": "hd", "size": "64x64", "width": 1e308}',
    ],
)  # fmt: skip
def test_no_hostile_body_is_our_fault(tmp_path, body):
    ((status, _, said),) = exchange(tmp_path, (GENERATIONS, {"data": body}))
    assert status == 400
    error = json.loads(said)["error"]
    assert error["type"] in ("invalid_request_error", "image_generation_user_error")
    assert len(error["message"]) < 600


FORM = {"Content-Type": "multipart/form-data; boundary=b"}
HOSTILE_FORMS = [
    b"", b"--b--", b"--b\r\n\r\n--b--", b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n",
    b'--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n\r\n--b--\r\n',
    b'--b\r\nContent-Disposition: form-data; name="prompt"\r\nContent-Length: -5\r\n\r\n\r\n--b--\r\n',
    b'--b\r\nContent-Disposition: form-data; name="prompt"\r\nContent-Encoding: gzip\r\n\r\nx\r\n--b--\r\n',
    b'--b\r\nContent-Disposition: form-data; name="prompt\x00"\r\n\r\nx\r\n--b--\r\n',
    b'--b\r\nContent-Disposition: form-data; name="image"; filename="../../etc/passwd"\r\n\r\nGIF89a\r\n--b--\r\n',
    b"--b\r\n" * 10_000,
]  # fmt: skip


def test_no_hostile_form_is_our_fault(tmp_path):
    asked = [
        (path, {"data": form, "headers": FORM}) for form in HOSTILE_FORMS for path in (GENERATIONS, "/v1/images/edits")
    ]
    for (path, options), (status, _, said) in zip(asked, exchange(tmp_path, *asked), strict=True):
        assert status == 400, (path, options["data"][:99])
        assert set(json.loads(said)["error"]) == {"message", "type", "param", "code"}


def test_the_bodies_of_all_requests_are_bounded_together(tmp_path):
    from imagine.fairness.allowance import Allowance

    async def act(url, served):
        served.gateway.allowance = Allowance(1000)
        async with served.post(GENERATIONS, data=b"x" * 1001) as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (429, "5")
        for _ in range(3):
            async with served.post(GENERATIONS, json={"prompt": "x" * 600, "size": "64x64"}) as answer:
                assert answer.status == 200

    with_server(tmp_path, act)


def test_a_client_that_leaves_its_stream_takes_its_job_back(tmp_path):

    async def act(url, served):
        body = {"prompt": "hold", "stream": True, "partial_images": 1}
        asking = asyncio.ensure_future(served.post(GENERATIONS, json=body))
        while not served.worker.seen:
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.wait([asking])
        while not served.worker.cancelled:
            await served.worker.news.wait()
            served.worker.news.clear()
        assert set(served.worker.cancelled) == {served.worker.seen[0].job}

    with_server(tmp_path, act)

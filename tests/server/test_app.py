"""The smaller routes, and what surrounds every request."""

import asyncio
import json
import re

import pytest
from yarl import URL

from imagine import __version__
from imagine.asking.aliases import Aliases
from imagine.asking.request import ALIASES, GenerateRequest
from imagine.asking.resolve import Defaults
from imagine.fairness.allowance import Allowance
from imagine.server.dialects import DIALECTS
from imagine.server.http import body
from imagine.server.http.context import ORDER_HEADER
from imagine.server.openapi import document
from imagine.settings.settings import Settings
from imagine.words.errors import Busy
from tests.server.served import ask, settings_at


async def got(client, path, method="GET", **options):
    async with client.request(method, path, **options) as answer:
        return answer.status, await answer.read(), answer.headers


def test_health_says_who_it_is(tmp_path):
    async def act(client):
        _, said, _ = await got(client, "/health")
        assert json.loads(said)["name"] == "imagine"
        assert json.loads(said)["version"] == __version__
        assert (json.loads(said)["ready"], json.loads(said)["status"]) == (True, "ready")
        assert json.loads(said)["problem"] is None
        told = {name: json.loads(said)[name] for name in ("assistant", "provenance", "watermark")}
        assert told == {"assistant": False, "provenance": True, "watermark": False}
        client.worker.ready = None
        assert json.loads((await got(client, "/health"))[1])["status"] == "starting"
        client.worker.broken = "can't be started: no /opt/driver/libcuda.so"
        said = json.loads((await got(client, "/health"))[1])
        assert (said["status"], said["problem"]) == ("broken", "the worker can't be started: no libcuda.so")

    ask(tmp_path, act)


def test_models_are_names_and_details_without_paths(tmp_path):
    async def act(client):
        status, said, _ = await got(client, "/models")
        answer = json.loads(said)
        assert (status, answer["models"]) == (200, ["fox", "owl"])
        assert answer["details"][0]["family"] == "stable_diffusion"
        assert answer["details"][0]["loaded"] is None
        assert str(tmp_path) not in said.decode()
        status, said, _ = await got(client, "/models/owl/loaded", "DELETE")
        assert (status, client.worker.unloaded) == (200, ["owl"])
        assert (await got(client, "/models/none/loaded", "DELETE"))[0] == 404

    ask(tmp_path, act, models=("owl", "fox"))


def test_jobs_are_told_without_prompts_and_can_be_taken_back(tmp_path):
    async def act(client):
        asking = asyncio.ensure_future(client.post("/generate", json={"prompt": "hold the secret fox"}))
        while not client.worker.seen:
            await asyncio.sleep(0)
        _, said, _ = await got(client, "/jobs")
        (job,) = json.loads(said)["jobs"]
        assert (job["state"], job["model"], job["steps"]) == ("running", "fox", 25)
        assert b"secret" not in said
        assert len(job["id"]) >= 20
        status, said, _ = await got(client, f"/jobs/{job['id']}", "DELETE")
        assert (status, json.loads(said)) == (200, {"cancelled": job["id"]})
        answer = await asking
        assert (answer.status, await answer.json()) == (499, {"error": "the job was cancelled", "code": "plain"})
        status, said, _ = await got(client, f"/jobs/{job['id']}", "DELETE")
        assert status == 404
        assert "error" in json.loads(said)

    ask(tmp_path, act)


def test_a_waiting_job_has_its_position(tmp_path):
    async def act(client):
        client.worker.ready = None
        asking = [asyncio.ensure_future(client.post("/generate", json={"prompt": "x"})) for _ in range(2)]
        while client.gateway.pool.waiting < 2:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        _, said, _ = await got(client, "/jobs")
        assert [(job["state"], job["position"]) for job in json.loads(said)["jobs"]] == [("queued", 0), ("queued", 1)]
        for task in asking:
            task.cancel()
        await asyncio.wait(asking)

    ask(tmp_path, act)


def test_aliases_are_told_wherever_they_lead(tmp_path):
    async def act(client):
        return json.loads((await got(client, "/models"))[1])["aliases"]

    own = Aliases({"art": "fox", "gone": "bear", "pattern-*": "fox"})
    assert ask(tmp_path, act, aliases=own) == ["art", "gone", *Aliases().names()]


def test_metrics_count_what_happened(tmp_path):
    async def act(client):
        await got(client, "/generate", "POST", json={"prompt": "x", "num_steps": 3})
        await got(client, "/generate", "POST", json={"prompt": "fail OutOfMemory"})
        await got(client, "/nothing/here")
        _, said, headers = await got(client, "/metrics")
        text = said.decode()
        assert headers["Content-Type"].startswith("text/plain; version=0.0.4")
        assert "imagine_pictures_total 1.0" in text
        assert 'imagine_failed_jobs_total{error="OutOfMemory"} 1.0' in text
        assert 'imagine_http_responses_total{route="/generate",status="200"} 1.0' in text
        assert 'imagine_http_responses_total{route="unknown",status="404"} 1.0' in text
        assert 'imagine_stage_seconds_count{stage="denoising"} 1.0' in text
        assert "imagine_model_loads_total 1.0" in text
        assert "/nothing/here" not in text

    ask(tmp_path, act)


def test_openapi_describes_every_route_and_every_field(tmp_path):
    async def act(client):
        return json.loads((await got(client, "/openapi.json"))[1])

    said = ask(tmp_path, act)
    assert said == json.loads(json.dumps(document(DIALECTS, Settings())))
    assert {(m.upper(), p) for p, ways in said["paths"].items() for m in ways} == {
        (route.method, re.sub(r":[^}]*", "", route.path)) for dialect in DIALECTS for route in dialect.routes
    }
    fields = said["components"]["schemas"]["GenerateRequest"]
    assert set(fields["properties"]) == {*GenerateRequest.__struct_fields__, *ALIASES}
    assert fields["required"] == ["prompt"]
    steps = next(part for part in fields["properties"]["steps"]["anyOf"] if part["type"] == "integer")
    assert (steps["minimum"], steps["maximum"]) == (1, 150)


def test_openapi_follows_settings_that_are_read_again(tmp_path):
    async def act(client):
        told = []
        for steps in (30, 9):
            client.gateway.reload(settings_at(tmp_path, defaults=Defaults(num_steps=steps)))
            said = json.loads((await got(client, "/openapi.json"))[1])
            told.append(said["components"]["schemas"]["GenerateRequest"]["properties"]["num_steps"]["default"])
        return told

    assert ask(tmp_path, act) == [30, 9]


def test_openapi_tells_of_the_order_wherever_pictures_are_asked_for():
    paths = document(DIALECTS, Settings())["paths"]
    told = {path: ways["post"]["responses"] for path, ways in paths.items() if "post" in ways}
    answers = {path: each["202" if path == "/jobs" else "200"] for path, each in told.items()}
    telling = {path for path, answer in answers.items() if ORDER_HEADER in answer.get("headers", {})}
    drawing = {
        "/generate",
        "/jobs",
        "/upscale",
        "/preprocess",
        "/api/generate",
        "/v1/responses",
        "/",
        "/models/{name}",
        "/mcp",
    }
    drawing |= {"/prompt"}
    drawing |= {f"/sdapi/v1/{name}" for name in ("txt2img", "img2img", "extra-single-image", "extra-batch-images")}
    drawing |= {"/controlnet/detect"} | {path for path in paths if "/images/" in path or path.endswith("/predictions")}
    assert telling == drawing
    assert {"X-Imagine-Seed", "X-Imagine-Warnings"} < set(answers["/generate"]["headers"])


def test_what_is_not_there_is_told_in_one_shape(tmp_path):
    async def act(client):
        status, said, _ = await got(client, "/nothing")
        assert (status, json.loads(said)) == (404, {"error": "there is nothing at this path", "code": "http.path"})
        status, said, headers = await got(client, "/generate", "PUT")
        assert (status, headers["Allow"]) == (405, "POST")
        assert list(json.loads(said)) == ["error", "code"]

    ask(tmp_path, act)


def test_who_asks_what_a_path_takes_is_told(tmp_path):
    async def act(client):
        status, said, headers = await got(client, "/generate", "OPTIONS")
        assert (status, said, headers["Allow"]) == (204, b"", "POST")
        assert (await got(client, "/nothing", "OPTIONS"))[0] == 404

    ask(tmp_path, act)


def test_who_is_no_browser_gets_one_plain_line(tmp_path):
    async def act(client):
        status, said, headers = await got(client, "/")
        assert (status, said.count(b"\n")) == (200, 1)
        assert headers["Content-Type"].startswith("text/plain")
        assert headers["X-Content-Type-Options"] == "nosniff"

    ask(tmp_path, act)


@pytest.mark.parametrize(("given", "kept"), [("abc-1", True), ("a b", False), ("x" * 65, False)])
def test_a_request_has_an_id(tmp_path, given, kept):
    async def act(client):
        return (await got(client, "/health", headers={"X-Request-Id": given}))[2]["X-Request-Id"]

    assert (ask(tmp_path, act) == given) is kept


def test_our_own_mistake_is_a_500_without_its_words(tmp_path, caplog):
    async def act(client):
        client.gateway.pool.submit = lambda job: 1 / 0
        status, said, headers = await got(client, "/generate", "POST", json={"prompt": "x"})
        assert status == 500
        assert "division" not in said.decode()
        assert headers["X-Request-Id"] in said.decode()

    ask(tmp_path, act)
    assert "ZeroDivisionError" in caplog.text


def test_a_body_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(body, "MAX_BODY", 100)

    async def pieces():
        for _ in range(20):
            yield b"x" * 10

    async def act(client):
        assert (await got(client, "/generate", "POST", data=b"x" * 101))[0] == 413
        assert (await got(client, "/generate", "POST", data=pieces()))[0] == 413
        assert (await got(client, "/generate", "POST", json={"prompt": "x", "seed": 1}))[0] == 200

    ask(tmp_path, act)


def test_all_bodies_together_are_bounded(tmp_path):
    async def act(client):
        client.gateway.allowance = Allowance(1000)
        status, _, headers = await got(client, "/generate", "POST", data=b"x" * 1001)
        assert (status, headers["Retry-After"]) == (503, "5")
        for _ in range(3):
            assert (await got(client, "/generate", "POST", json={"prompt": "x" * 600}))[0] == 200

    ask(tmp_path, act)


def test_what_was_held_is_given_back():
    allowance = Allowance(10)
    with allowance.holding() as first, allowance.holding() as second:
        first.hold(7)
        with pytest.raises(Busy):
            second.hold(4)
        first.hold(2)
        second.hold(8)
    allowance.take(10)


def test_a_body_that_does_not_come_is_given_up(tmp_path):
    async def act(client):
        reader = asyncio.StreamReader()

        class Slow:
            content_length = None
            headers = {}  # noqa: RUF012
            content = type("Content", (), {"iter_any": lambda self: reader})()

        with pytest.raises(body.TooSlow):
            await body.read_body(Slow(), client.gateway.allowance.holding(), deadline=0)

    ask(tmp_path, act)


def test_a_model_is_preloaded(tmp_path):
    async def act(client):
        while not client.worker.loaded:
            await client.worker.news.wait()
        assert client.worker.loaded == ["fox"]

    ask(tmp_path, act, preload="fox")


def test_a_stopping_server_takes_no_new_work(tmp_path):
    async def act(client):
        await client.gateway.stop(0)
        status, said, headers = await got(client, "/generate", "POST", json={"prompt": "x"})
        assert (status, json.loads(said)["error"]) == (503, "the server is stopping")
        assert "Retry-After" in headers
        assert json.loads((await got(client, "/health"))[1])["status"] == "stopping"

    ask(tmp_path, act)


HOSTILE = [
    ("POST", "/generate", {"Content-Encoding": "gzip"}, b"not gzip at all"),
    ("POST", "/generate", {"Content-Encoding": "deflate"}, b"\xff" * 100),
    ("POST", "/generate", {"Content-Encoding": "br"}, b"junk"),
    ("POST", "/generate", {"Content-Encoding": "unheard-of"}, b"junk"),
    ("POST", "/generate", {"Content-Type": "multipart/form-data; boundary=x"}, b"--x--"),
    ("POST", "/generate", {"Content-Type": "text/plain; charset=unheard-of"}, b"junk"),
    ("POST", "/generate", {"Accept": "image/png" * 100}, b"junk"),
    ("POST", "/generate?prompt=a%00", {}, b""),
    ("DELETE", "/jobs/%00%ff", {}, b""),
    ("DELETE", "/models/%00%ff/loaded", {}, b""),
    ("DELETE", "/models/..%2f..%2fetc/loaded", {}, b""),
    ("DELETE", "/models/" + "a" * 5000 + "/loaded", {}, b""),
    ("GET", "/%2e%2e/%2e%2e/etc/passwd", {}, b""),
    ("OPTIONS", "/generate", {}, b""),
    ("OPTIONS", "/nothing", {}, b""),
    ("TRACE", "/generate", {}, b""),
    ("PATCH", "/generate", {}, b""),
    ("GET", "/health", {"Origin": "http://[::1"}, b""),
    ("GET", "/health", {"Host": "[::1"}, b""),
    ("GET", "/health", {"Host": "localhost:" + "9" * 5000}, b""),
]


def test_no_hostile_request_is_our_fault(tmp_path):
    async def act(client):
        for method, path, headers, data in HOSTILE:
            url = str(client.make_url("/")).rstrip("/") + path
            async with client.session.request(method, URL(url, encoded=True), headers=headers, data=data) as answer:
                assert 200 <= answer.status < 500, (method, path[:80], headers, await answer.text())
                assert answer.status < 300 or next(iter(await answer.json())) == "error", (method, path[:80], headers)

    ask(tmp_path, act)

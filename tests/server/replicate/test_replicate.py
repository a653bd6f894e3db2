"""Replicate's predictions: asked for, polled, cancelled, and what of a request is honoured."""

import asyncio
import base64
import contextlib
import gc
import json
import sqlite3
from pathlib import Path

import msgspec
import pytest
from aiohttp import FormData

from imagine.asking.request import parse
from imagine.server.lasting.rows import (
    Happened,
    OrderAbout,
    OrderRow,
    PictureAsked,
    PictureRow,
    Webhook,
    WebhookMessage,
    WebhookTold,
    about_from,
    bytes_of,
)
from imagine.server.orders.connection import LASTING
from imagine.server.replicate.requests import deadline_from, prediction_from, wait_from
from imagine.server.replicate.webhook import body_of
from imagine.settings.keys import NamedKey, digest_of
from imagine.words.errors import BadRequest
from imagine.words.events import Finished
from tests.clients import python_with
from tests.server.lasting.test_database import PARAMS
from tests.server.openai.painting import KEY, opened, png, with_server
from tests.server.served import ask, serving
from tests.server.test_dialects import NATIVE, WISHES
from tests.server.webhooks.test_webhooks import Receiver, allowing, listening

PATIENCE = 240


@pytest.mark.slow
def test_the_official_client(tmp_path):
    python = python_with("replicate")

    async def act(url, served):
        script = str(Path(__file__).parent / "official.py")
        process = await asyncio.create_subprocess_exec(
            python, script, url.removesuffix("/v1"), str(photo),
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
        assert seen["model"] == ["imagine", "fox", "hidden", "private"]
        assert {"prompt", "num_outputs", "guidance_scale", "image", "mask"} <= {*seen["form"]}
        assert seen["file"] == 1
        assert next(job.img for job in served.worker.seen if job.params.width == 64 and job.params.height == 64)
        listed = [name for name, _ in seen["listed"]]
        assert [listed.index(name) for name in seen["newest"]] == [1, 2], "the newest first: one came later"
        assert (seen["listed"][1][1], seen["listed"][2][1], seen["next"]) == ("failed", "canceled", None)
        streamed = seen["streamed"]
        assert (streamed["kinds"][-1], streamed["last"]) == ("output", "done")
        assert opened(base64.b64decode(streamed["output"][0])).size == (64, 96)
        assert seen["stream failed"]["failure"] == "no picture this time"
        assert seen["no model"][0] == 404
        assert (seen["called"][0], seen["called"][1].startswith("webhook: ")) == (400, True)

    photo = tmp_path / "photo.png"
    photo.write_bytes(png())
    (tmp_path / "models" / "owl").mkdir(parents=True)
    with_server(tmp_path, act, models=("fox", "owl/barn"))


def test_a_prediction_from_its_beginning_to_its_end(tmp_path):
    async def act(url, served):
        headers = {"Authorization": f"Bearer {KEY}"}
        asked = {"input": {"prompt": "a fox", "width": 64, "height": 64, "colour": 1}}
        path = "/v1/models/imagine/fox/predictions"
        async with served.post(path, json=asked, headers=headers | {"Prefer": "wait"}) as answer:
            done = await answer.json()
            assert answer.status == 201
        assert (done["status"], done["model"], done["error"]) == ("succeeded", "imagine/fox", None)
        assert opened(base64.b64decode(done["output"][0].partition(",")[2])).size == (64, 64)
        assert done["logs"].splitlines()[-1] == "100%|##########| 25/25"
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
        while not served.worker.seen:
            await served.worker.news.wait()
        async with served.get("/jobs", headers=bob) as answer:
            assert (await answer.json())["orders"] == []
        async with served.get("/jobs", headers=ann) as answer:
            (listed,) = (await answer.json())["orders"]
        path = f"/v1/predictions/{name}"
        for known_by in (name, listed["pictures"][0]["id"]):
            async with served.get(f"/v1/predictions/{known_by}", headers=bob) as answer:
                assert answer.status == 404
        async with served.post(f"{path}/cancel", headers=bob) as answer:
            assert (answer.status, served.worker.cancelled) == (404, [])
        async with served.get(path, headers=ann) as answer:
            assert (await answer.json())["status"] == "starting"

    keys = tuple(NamedKey(name=name, digest=digest_of(f"{name}-key-of-length")) for name in ("ann", "bob"))
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
        ({"input": {"prompt": "x"}, "webhook": "https://x.example", "webhook_events_filter": "all"}, "must be a list"),
        ({"input": {"prompt": "x"}, "webhook": "https://x.example", "webhook_events_filter": ["logs"]}, "logs alone"),
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


@pytest.mark.parametrize(
    ("said", "seconds"), [("", None), ("90s", 90.0), ("5m", 300.0), ("1h", 3600.0), ("30", 30.0), (" 1M ", 60.0)]
)
def test_deadlines(said, seconds):
    assert deadline_from(said) == seconds


@pytest.mark.parametrize("said", ["1s", "2d", "soon", "25h", "-5m", "٣m"])
def test_a_deadline_that_is_none_is_told(said):
    with pytest.raises(BadRequest, match=r"Cancel-After is .* from 5 seconds to 24 hours"):
        deadline_from(said)


def test_a_prediction_is_taken_back_at_its_deadline(tmp_path, monkeypatch):
    monkeypatch.setattr("imagine.server.replicate.requests.LEAST_DEADLINE", 0.0)

    async def act(url, served):
        holds = {"version": "fox", "input": {"prompt": "hold"}}
        async with served.post("/v1/predictions", json=holds, headers={"Cancel-After": "0s", "Prefer": "wait"}) as one:
            assert (await one.json())["status"] == "canceled"

    with_server(tmp_path, act)


def events_in(text):
    """The events of a stream: their kind, number and data."""
    blocks = [
        dict(line.split(": ", 1) for line in block.split("\n")) for block in text.split("\n\n") if "event:" in block
    ]
    return [(block["event"], block["id"], block["data"]) for block in blocks]


def test_a_stream_is_read_on_where_it_was_left(tmp_path):
    async def act(url, served):
        asked = {"version": "fox", "input": {"prompt": "a fox", "num_outputs": 2, "steps": 3}, "stream": True}
        async with served.post("/v1/predictions", json=asked, headers={"Prefer": "wait"}) as answer:
            made = await answer.json()
        path = f"/v1/predictions/{made['id']}/stream"
        assert made["urls"]["stream"] == str(served.make_url(path))
        async with served.get(path) as answer:
            assert answer.content_type == "text/event-stream"
            whole = events_in(await answer.text())
        assert [kind for kind, _, _ in whole].count("output") == 2
        assert [data for kind, _, data in whole if kind == "output"] == made["output"]
        assert whole[-1][::2] == ("done", "{}")
        pictures = [number for kind, number, _ in whole if kind == "output"]
        first = next(at for at, one in enumerate(whole) if one[1] == pictures[0])
        async with served.get(path, headers={"Last-Event-ID": pictures[0]}) as answer:
            again = events_in(await answer.text())
        assert [one[::2] for one in again if one[0] != "logs"] == [
            one[::2] for one in whole[first + 1 :] if one[0] != "logs"
        ]

    with_server(tmp_path, act)


def test_a_stream_of_what_was_taken_back(tmp_path):
    async def act(url, served):
        async with served.post("/v1/predictions", json={"version": "fox", "input": {"prompt": "hold"}}) as answer:
            name = (await answer.json())["id"]
        async with served.get(f"/v1/predictions/{name}/stream") as answer:
            await served.post(f"/v1/predictions/{name}/cancel")
            assert events_in(await answer.text())[-1][::2] == ("done", '{"reason": "canceled"}')

    with_server(tmp_path, act)


def test_a_list_has_pages(tmp_path, monkeypatch):
    monkeypatch.setattr("imagine.server.replicate.routes._PAGE", 2)

    async def act(url, served):
        made = []
        for seed in range(3):
            body = {"version": "fox", "input": {"prompt": "a fox", "seed": seed}}
            async with served.post("/v1/predictions", json=body, headers={"Prefer": "wait"}) as answer:
                made.append((await answer.json())["id"])
        await served.post("/generate", json={"prompt": "a fox"})
        page = await (await served.get("/v1/predictions")).json()
        assert ([each["id"] for each in page["results"]], page["previous"]) == (made[:0:-1], None)
        rest = await (await served.get(page["next"].removeprefix(str(served.make_url("/"))[:-1]))).json()
        assert ([each["id"] for each in rest["results"]], rest["next"]) == (made[:1], None)
        forgotten = await (await served.get("/v1/predictions?cursor=forgotten")).json()
        assert (forgotten["results"], forgotten["next"]) == ([], None)

    with_server(tmp_path, act)


def test_a_list_leaves_out_what_is_gone_and_ends_a_page_where_it_is_large(tmp_path, monkeypatch):
    made = []

    async def before(client):
        for seed in range(3):
            body = {"version": "fox", "input": {"prompt": "a fox", "seed": seed}}
            async with client.post("/v1/predictions", json=body, headers={"Prefer": "wait"}) as answer:
                made.append((await answer.json())["id"])

    async def after(client):
        lasting = client.app[LASTING].open()
        lasting.pictures.remove((await lasting.row(made[1])).pictures[0].name)
        page = await (await client.get("/v1/predictions")).json()
        assert ([each["id"] for each in page["results"]], page["next"]) == ([made[2], made[0]], None)
        monkeypatch.setattr("imagine.server.replicate.routes._MOST_TAKEN", 0)
        page = await (await client.get("/v1/predictions")).json()
        assert [each["id"] for each in page["results"]] == [made[2]]
        rest = await (await client.get(page["next"].removeprefix(str(client.make_url("/"))[:-1]))).json()
        assert ([each["id"] for each in rest["results"]], rest["next"]) == ([made[0]], None)

    ask(tmp_path, before)
    ask(tmp_path, after)


def test_what_ends_amid_an_answer_is_told_with_its_pictures_or_not_yet(tmp_path, monkeypatch):
    async def act(url, served):
        async with served.post("/v1/predictions", json={"version": "fox", "input": {"prompt": "hold"}}) as answer:
            path = f"/v1/predictions/{(await answer.json())['id']}"
        while not served.worker.seen:
            await served.worker.news.wait()
        lasting, asked = served.app[LASTING].open(), []
        row = lasting.row

        async def late(order):
            asked.append(order)
            if len(asked) == 2:
                served.worker.finish(served.worker.seen[0].job, png())
                while lasting.in_hand:
                    await asyncio.sleep(0)
            return await row(order)

        monkeypatch.setattr(lasting, "row", late)
        said = [await (await served.get(path)).json() for _ in range(2)]
        assert [(each["status"], each["output"] is None) for each in said] == [("starting", True), ("succeeded", False)]

    with_server(tmp_path, act)


def test_a_server_that_stops_tells_no_end_of_what_goes_on_at_its_next_start(tmp_path):
    async def act(url, served):
        async def created():
            body = {"version": "fox", "input": {"prompt": "hold"}}
            async with served.post("/v1/predictions", json=body, headers={"Prefer": "wait"}) as answer:
                return await answer.json()

        waits = asyncio.ensure_future(created())
        while not served.worker.seen:
            await served.worker.news.wait()
        (order,) = served.app[LASTING].open().in_hand.values()
        async with served.get(f"/v1/predictions/{order.id}/stream") as answer:
            served.gateway.stopping = True
            served.gateway.pool._closing = True
            served.worker.fail(served.worker.seen[0].job, "WorkerLost")
            assert not {kind for kind, _, _ in events_in(await answer.text())} & {"error", "done"}
        assert (await waits)["status"] == "starting"

    with_server(tmp_path, act)


def test_a_deadline_costs_one_timer_however_often_it_is_asked_after(tmp_path, monkeypatch):
    monkeypatch.setattr("imagine.server.orders.feeding.IN_HAND", 0)

    async def act(url, served):
        loop, lasting, timers = asyncio.get_running_loop(), served.app[LASTING].open(), []
        call_later = loop.call_later

        def noted(delay, call, *values, **more):
            timer = call_later(delay, call, *values, **more)
            if call == lasting._overdue:
                timers.append(timer)
            return timer

        monkeypatch.setattr(loop, "call_later", noted)
        body, late = {"version": "fox", "input": {"prompt": "a fox"}}, {"Cancel-After": "3h"}
        async with served.post("/v1/predictions", json=body, headers=late) as answer:
            path = f"/v1/predictions/{(await answer.json())['id']}"
        for _ in range(3):
            gc.collect()
            async with served.get(path) as answer:
                assert (await answer.json())["status"] == "starting"
        (timer,) = timers
        await (await served.post(f"{path}/cancel")).read()
        assert timer.cancelled()

    with_server(tmp_path, act)


def test_a_webhook_s_message_says_the_same_as_often_as_it_is_sent():
    hook = Webhook("https://ok.example/", "https://ok.example:443", ("final",), "replicate", "http://us")
    messages = [WebhookMessage(Happened("final", place, 2.0), 0, "waiting", None, None, 2.0) for place in (1, 0)]
    about = OrderAbout(key=None, pictures=[PictureAsked(job="j", params=PARAMS)] * 2)
    report = Finished(job="j", data=b"", meta={}, timings={})
    row = OrderRow(
        1, "id", "ann", "c", "succeeded", 1.0, 3.0, None, 2, 0, about, None,
        pictures={place: PictureRow(report=report, name=f"{place}.png") for place in (0, 1)},
        called=WebhookTold(hook, tuple(messages)),
    )  # fmt: skip
    first, second = (f"http://us/pictures/{place}.png" for place in (1, 0))
    said = [json.loads(body_of(row, each.happened))["output"] for each in messages]
    assert said == [[first], [second, first]]


def test_a_model_is_one_object_for_both_their_clients(tmp_path):
    async def act(url, served):
        for path, root in (("imagine/fox", "fox"), ("owl/barn", "owl/barn")):
            async with served.get(f"/v1/models/{path}") as answer:
                said = await answer.json()
            of_openai = await (await served.get(f"/v1/models/{root.replace('/', '%2F')}")).json()
            assert said.items() >= (of_openai | {"id": path}).items()
            assert f"{said['owner']}/{said['name']}" == path
        async with served.get("/v1/models/imagine/wolf") as answer:
            assert (answer.status, (await answer.json())["status"]) == (404, 404)

    (tmp_path / "models" / "owl").mkdir(parents=True)
    with_server(tmp_path, act, models=("fox", "owl/barn"))


def test_a_file_is_an_address_that_holds_it(tmp_path):
    async def act(url, served):
        form = FormData({"metadata": "{}"})
        form.add_field("content", png(), filename="fox.png", content_type="image/png")
        async with served.post("/v1/files", data=form) as answer:
            told = await answer.json()
            assert answer.status == 201
        assert (told["name"], told["size"], told["content_type"]) == ("fox.png", len(png()), "image/png")
        assert base64.b64decode(told["urls"]["get"].removeprefix("data:image/png;base64,")) == png()
        other = FormData()
        other.add_field("other", png(), filename="fox.png")
        async with served.post("/v1/files", data=other) as answer:
            assert (answer.status, "content" in (await answer.json())["detail"]) == (400, True)

    with_server(tmp_path, act)


def test_a_prediction_survives_a_restart_and_so_do_its_deadline_and_its_pages(tmp_path):
    kept = {}

    async def told(client, path, **more):
        async with client.request(more.pop("method", "GET"), path, **more) as answer:
            return await answer.json()

    async def before(client):
        body = {"version": "fox", "input": {"prompt": "a fox", "num_outputs": 2, "seed": 5}}
        kept["done"] = await told(client, "/v1/predictions", method="POST", json=body, headers={"Prefer": "wait"})
        holds = {"version": "fox", "input": {"prompt": "hold"}}
        kept["held"] = await told(client, "/v1/predictions", method="POST", json=holds)
        late = {"Cancel-After": "3h"}
        kept["late"] = await told(client, "/v1/predictions", method="POST", json=holds, headers=late)

    async def after(client):
        again = await told(client, f"/v1/predictions/{kept['done']['id']}")
        same = ("status", "output", "metrics", "created_at", "input", "urls")
        assert {name: again[name] for name in same[:-1]} == {name: kept["done"][name] for name in same[:-1]}
        assert (await told(client, f"/v1/predictions/{kept['held']['id']}"))["status"] == "starting"
        listed = await told(client, "/v1/predictions")
        assert [each["id"] for each in listed["results"]] == [kept[name]["id"] for name in ("late", "held", "done")]
        async with client.get(f"/v1/predictions/{kept['done']['id']}/stream") as answer:
            assert [kind for kind, _, _ in events_in(await answer.text())] == ["output", "output", "done"]
        while len(client.worker.seen) < 2:
            client.worker.news.clear()
            await client.worker.news.wait()
        client.worker.finish(client.worker.seen[0].job, png())
        async with client.get(f"/v1/predictions/{kept['held']['id']}/stream") as answer:
            assert events_in(await answer.text())[-1][::2] == ("done", "{}")

    async def too_late(client):
        async with client.get(f"/v1/predictions/{kept['late']['id']}/stream") as answer:
            assert events_in(await answer.text())[-1][::2] == ("done", '{"reason": "canceled"}')

    ask(tmp_path, before)
    ask(tmp_path, after)
    with contextlib.closing(sqlite3.connect(tmp_path / "orders" / "orders.sqlite")) as book, book:
        ((about,),) = book.execute("SELECT about FROM orders WHERE id = ?", (kept["late"]["id"],)).fetchall()
        assert about_from(about).deadline > 10_000
        due = bytes_of(msgspec.structs.replace(about_from(about), deadline=1.0))
        book.execute("UPDATE orders SET about = ? WHERE id = ?", (due, kept["late"]["id"]))
    ask(tmp_path, too_late)


def test_a_webhook_is_told_the_prediction_with_addresses(tmp_path):
    receiver = Receiver()

    async def act():
        async with listening(receiver) as port, serving(tmp_path, webhooks=allowing(port)) as client:
            body = {"version": "fox", "input": {"prompt": "a fox"}, "webhook": f"http://127.0.0.1:{port}/hooks/r"}
            wanted = {"webhook_events_filter": ["start", "output", "logs", "completed"]}
            async with client.post("/v1/predictions", json=body | wanted) as answer:
                made = await answer.json()
                assert (answer.status, "logs alone" in made["logs"]) == (201, True)
            seen = await receiver.count(3)
            async with client.get("/v1/predictions/" + made["id"]) as answer:
                last = await answer.json()
            bodies = [json.loads(body) for _, _, body in seen]
            async with client.get("/" + bodies[2]["output"][0].split("/", 3)[3]) as answer:
                picture = base64.b64encode(await answer.read()).decode()
        assert [each["status"] for each in bodies] == ["processing", "processing", "succeeded"]
        assert [each["output"] and len(each["output"]) for each in bodies] == [None, 1, 1]
        assert last["output"] == [f"data:image/png;base64,{picture}"]
        assert bodies[2] | {"output": 0, "logs": 0} == last | {"output": 0, "logs": 0}

    asyncio.run(act())

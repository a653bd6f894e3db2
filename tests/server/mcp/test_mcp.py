"""MCP's messages at `/mcp`, in both of its forms: what is told of the tools, what they do, and what is refused."""

import asyncio
import base64
import json
import time

from imagine.server.mcp.pictures import shown_from
from imagine.server.mcp.protocol import GREETED, MODERN, call_from
from imagine.server.orders.connection import LASTING
from imagine.settings.keys import NamedKey, digest_of
from tests.server.openai.painting import KEY, opened, painted, png, with_server
from tests.server.served import PromptedWorker
from tests.server.test_connections import connected, listening

DAY = 86400.0
MODERN_META = {"io.modelcontextprotocol/protocolVersion": MODERN[0], "io.modelcontextprotocol/clientCapabilities": {}}


def message(method, params=None, **more):
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}} | more


def called(tool, meta=None, **arguments):
    return message("tools/call", {"name": tool, "arguments": arguments, **({"_meta": meta} if meta else {})})


def speaking(folder, act, **said):
    """Runs `await act(say, served)`, where `say(message)` gives the status and the answer, against a server."""

    async def run(_, served):
        async def say(sent, **headers):
            data = sent if isinstance(sent, bytes) else json.dumps(sent).encode()
            async with served.post("/mcp", data=data, headers=headers) as answer:
                text = await answer.text()
                return answer.status, json.loads(text) if text and answer.content_type.endswith("json") else text

        await act(say, served)

    with_server(folder, run, **said)


def pictures_in(result):
    return [opened(base64.b64decode(part["data"])) for part in result["content"] if part["type"] == "image"]


def test_what_there_is_is_told_in_both_forms(tmp_path):
    async def act(say, served):
        _, greeted = await say(message("initialize", {"protocolVersion": GREETED[1], "capabilities": {}}))
        assert (greeted["result"]["protocolVersion"], greeted["result"]["serverInfo"]["name"]) == (
            GREETED[1],
            "imagine",
        )
        assert (await say(message("initialize", {"protocolVersion": "1"})))[1]["result"]["protocolVersion"] == GREETED[
            -1
        ]
        assert await say({"jsonrpc": "2.0", "method": "notifications/initialized"}) == (202, "")
        assert (await say(message("ping")))[1] == {"jsonrpc": "2.0", "id": 1, "result": {}}
        _, listed = await say(message("tools/list"))
        assert [tool["name"] for tool in listed["result"]["tools"]] == [
            "generate_image", "edit_image", "get_image", "list_models", "cancel_job",
        ]  # fmt: skip
        _, found = await say(message("server/discover", {"_meta": MODERN_META}))
        assert set(found["result"]["supportedVersions"]) == {*GREETED, *MODERN}
        assert (found["result"]["resultType"], found["result"]["cacheScope"]) == ("complete", "private")
        _, other = await say(
            message("ping", {"_meta": MODERN_META | {"io.modelcontextprotocol/protocolVersion": "3000-01-01"}})
        )
        assert (other["error"]["code"], other["error"]["data"]["requested"]) == (-32022, "3000-01-01")
        _, models = await say(called("list_models"))
        assert models["result"]["structuredContent"]["models"] == [{"name": "fox", "family": "stable_diffusion"}]

    speaking(tmp_path, act)


def test_a_picture_is_drawn_changed_and_looked_at(tmp_path):
    async def act(say, served):
        asked = {"prompt": "a fox", "negative": "rain", "steps": 9, "seed": "7", "width": 1536, "height": 1024}
        _, drawn = await say(called("generate_image", **asked))
        result = drawn["result"]
        (picture,) = pictures_in(result)
        assert (picture.size, picture.format) == ((1024, 683), "WEBP")
        job = served.worker.seen[0].params
        assert (job.prompt, job.neg, job.num_steps, job.seed) == ("a fox", "rain", 9, 7)
        (about,) = result["structuredContent"]["pictures"]
        assert {name: about[name] for name in ("seed", "model", "width", "height")} == {
            "seed": "7", "model": "fox", "width": 1536, "height": 1024,
        }  # fmt: skip
        assert "data" not in json.dumps(result["structuredContent"])
        (link,) = [part for part in result["content"] if part["type"] == "resource_link"]
        assert link["uri"] == about["uri"]

        _, read = await say(message("resources/read", {"uri": about["uri"]}))
        (whole,) = read["result"]["contents"]
        original = base64.b64decode(whole["blob"])
        assert (opened(original).size, whole["mimeType"]) == ((1536, 1024), "image/png")
        _, seen = await say(called("get_image", id=about["uri"], max_side=64))
        assert pictures_in(seen["result"])[0].size == (64, 43)
        _, again = await say(called("get_image", id=result["structuredContent"]["job"]))
        assert again["result"]["structuredContent"] == result["structuredContent"]

        _, edited = await say(called("edit_image", prompt="at night", image=about["uri"], width=64, height=64))
        assert pictures_in(edited["result"])[0].size == (64, 64)
        _, masked = await say(called("edit_image", prompt="an owl", image=_64(png()), mask=_64(png()), strength=0.4))
        assert "isError" not in masked["result"]
        jobs = served.worker.seen[1:]
        assert [(job.params.strength, bool(job.img), bool(job.mask)) for job in jobs] == [
            (0.7, True, False), (0.4, True, True),
        ]  # fmt: skip
        _, several = await say(called("generate_image", prompt="a fox", count=3, width=64, height=64, seed="1"))
        assert len(pictures_in(several["result"])) == 3

    speaking(tmp_path, act)


def _64(data):
    return base64.b64encode(data).decode()


async def begun(served, count):
    """The worker's jobs, once there are so many."""
    while len(served.worker.seen) < count:
        served.worker.news.clear()
        await served.worker.news.wait()
    return served.worker.seen


def test_what_takes_long_goes_on_as_a_job(tmp_path):
    async def act(say, served):
        _, drawn = await say(called("generate_image", prompt="hold", wait_seconds=0))
        told = drawn["result"]["structuredContent"]
        assert (told["done"], told["job"] in drawn["result"]["content"][0]["text"]) == (False, True)
        waits = asyncio.ensure_future(say(called("get_image", id=told["job"])))
        (job,) = await begun(served, 1)
        served.worker.finish(job.job, painted(job.params, 9, {"seed": 5}))
        _, done = await waits
        assert len(pictures_in(done["result"])) == 1
        _, held = await say(called("generate_image", prompt="hold", wait_seconds=0))
        name = held["result"]["structuredContent"]["job"]
        await begun(served, 2)
        assert (await say(called("cancel_job", job=name)))[1]["result"]["structuredContent"] == {"cancelled": name}
        assert served.worker.seen[1].job in served.worker.cancelled
        _, gone = await say(called("cancel_job", job=name))
        assert gone["result"]["isError"]
        _, ended = await say(called("get_image", id=name))
        assert "cancelled" in ended["result"]["content"][0]["text"]
        await served.app[LASTING].open().book.forget_old(time.time() + 2 * DAY, DAY)
        status, gone = await say(called("get_image", id=told["job"]))
        assert (status, gone["result"]["isError"]) == (200, True)
        assert "expired" in gone["result"]["content"][0]["text"]

    speaking(tmp_path, act)


def test_a_job_is_only_its_own_client_s(tmp_path):
    ann, bob = ({"Authorization": f"Bearer {name}-key-of-length"} for name in ("ann", "bob"))

    async def act(say, served):
        _, held = await say(called("generate_image", prompt="hold", wait_seconds=0), **ann)
        name = held["result"]["structuredContent"]["job"]
        for asked in (called("get_image", id=name, wait_seconds=0), called("cancel_job", job=name)):
            _, told = await say(asked, **bob)
            assert told["result"]["isError"]
        assert served.worker.cancelled == []
        _, told = await say(called("get_image", id=name, wait_seconds=0), **ann)
        assert told["result"]["structuredContent"] == {"job": name, "done": False}

    keys = tuple(NamedKey(name=name, digest=digest_of(f"{name}-key-of-length")) for name in ("ann", "bob"))
    speaking(tmp_path, act, keys=keys)


def test_what_is_said_again_of_a_message_is_bounded():
    params = {"_meta": {"progressToken": "t" * 2000, "more": 1}, "name": "list_models", "more": 1}
    call = call_from(json.dumps(message("tools/call", params)).encode())
    assert (call.progress_token, call.params) == (
        None, {"_meta": {"progressToken": "t" * 2000}, "name": "list_models"},
    )  # fmt: skip


def test_progress_is_told_in_a_stream(tmp_path):
    async def act(say, served):
        asked = called("generate_image", {"progressToken": "t"}, prompt="a fox", steps=4, count=2, width=64, height=64)
        status, text = await say(asked, Accept="application/json, text/event-stream")
        events = [json.loads(block.partition("\ndata: ")[2]) for block in text.strip().split("\n\n")]
        told = [event["params"] for event in events[:-1]]
        assert [each["progress"] for each in told] == sorted({each["progress"] for each in told})
        assert {(each["progressToken"], each["total"]) for each in told} == {("t", 8)}
        assert (status, events[-1]["id"], len(pictures_in(events[-1]["result"]))) == (200, 1, 2)
        _, plain = await say(asked)
        assert len(pictures_in(plain["result"])) == 2, "who takes no stream gets none"

    speaking(tmp_path, act)


BAD_CALLS = [
    ("generate_image", {}, "prompt is missing"),
    ("generate_image", {"prompt": "x", "steps": 1000}, "steps is 1000"),
    ("generate_image", {"prompt": "x", "colour": 1}, "colour is no argument of this tool; there are: count, "),
    ("generate_image", {"prompt": "x", "count": 5}, "count is 5"),
    ("generate_image", {"prompt": "fail WorkerLost"}, "no picture this time"),
    ("generate_image", {"prompt": "x", "model": "wolf"}, "model 'wolf' not found"),
    ("generate_image", {"prompt": "x", "wait_seconds": 1e9}, "wait_seconds is"),
    ("generate_image", {"prompt": "a naked child"}, "minors-only"),
    ("edit_image", {"prompt": "x"}, "image is missing"),
    ("edit_image", {"prompt": "x", "image": "/etc/passwd"}, "image is"),
    ("edit_image", {"prompt": "x", "image": "imagine://pictures/../../x.png"}, "no such picture or job"),
    ("edit_image", {"prompt": "x", "image": "http://localhost/x.png"}, "image is an address"),
    ("get_image", {"id": "nothing"}, "no such picture or job"),
    ("get_image", {"id": 5}, "id is 5"),
    ("cancel_job", {"job": "nothing"}, "no such picture or job"),
]


def test_what_a_tool_can_not_do_is_told_to_its_model(tmp_path):
    async def act(say, served):
        for tool, arguments, told in BAD_CALLS:
            status, answer = await say(called(tool, **arguments))
            assert (status, answer["result"].get("isError")) == (200, True), (tool, arguments)
            assert told in answer["result"]["content"][0]["text"]

    speaking(tmp_path, act)


def test_messages_that_can_not_be_answered(tmp_path):
    async def act(say, served):
        for sent, status, code in (
            (b"{", 400, -32700),
            (b"[]", 400, -32700),
            ({"jsonrpc": "1.0", "id": 1, "method": "ping"}, 400, -32600),
            (message("ping", id=None), 400, -32600),
            (message("ping", id="x" * 1001), 400, -32600),
            ({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": []}, 400, -32600),
            (message("tools/run"), 200, -32601),
            (message("tools/call"), 200, -32602),
            (called("paint"), 200, -32602),
            (message("tools/call", {"name": "list_models", "arguments": []}), 200, -32602),
            (message("resources/read", {"uri": "file:///etc/passwd"}), 200, -32602),
        ):
            seen, answer = await say(sent)
            assert (seen, answer["error"]["code"]) == (status, code), sent

    speaking(tmp_path, act)


def test_the_guards_hold_here_too(tmp_path):
    async def act(say, served):
        for headers in ({}, {"Origin": "https://elsewhere.example"}, {"Host": "elsewhere.example"}):
            status, answer = await say(message("ping"), **headers)
            assert (status in (401, 403), answer["id"], answer["error"]["code"]) == (True, None, -32600)
        status, _ = await say(message("ping"), Authorization=f"Bearer {KEY}")
        assert status == 200
        async with served.get("/mcp", headers={"Authorization": f"Bearer {KEY}"}) as answer:
            assert (answer.status, answer.headers["Allow"]) == (405, "POST")

    speaking(tmp_path, act, api_key=KEY)


def test_who_hangs_up_takes_it_back(tmp_path, monkeypatch):
    workers = []
    monkeypatch.setattr(
        "tests.server.test_connections.PromptedWorker", lambda: workers.append(PromptedWorker()) or workers[-1]
    )
    body = json.dumps(called("generate_image", prompt="hold")).encode()
    head = f"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n".encode()

    async def go():
        async with listening(tmp_path) as port:
            async with connected(port) as (_, writer):
                writer.write(head + body)
                (worker,) = workers
                while not worker.seen:
                    worker.news.clear()
                    await worker.news.wait()
            while not worker.cancelled:
                worker.news.clear()
                await worker.news.wait()
            assert worker.cancelled[0] == worker.seen[0].job

    asyncio.run(go())


def test_a_small_copy_of_any_picture():
    import random

    from PIL import Image

    from imagine.pictures import images

    noise = Image.frombytes("RGB", (400, 300), random.Random(0).randbytes(400 * 300 * 3))
    shown = shown_from(images.encode(noise), "", {"seed": 5}, most_side=300, most_bytes=30_000)
    assert len(shown.data) <= 30_000
    assert max(opened(shown.data).size) < 300, "smaller, where worse alone doesn't do"
    assert (shown.width, shown.height, shown.told) == (400, 300, {"seed": "5", "width": 400, "height": 300})

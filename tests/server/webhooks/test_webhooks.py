"""Webhooks: what is sent to whom, that it is sent until it is taken, and that nothing else is ever reached."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import itertools
import json
import subprocess
import threading

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver

from imagine.messages import message
from imagine.server.lasting.book import LastingBook
from imagine.server.lasting.database import Database
from imagine.server.lasting.deliveries import Deliveries
from imagine.server.lasting.rows import PackedJobs, Webhook
from imagine.server.webhooks import deliverer, sending
from imagine.server.webhooks.deliverer import Deliverer
from imagine.server.webhooks.sending import NotTaken, Sender
from imagine.settings.settings import settings_from
from imagine.settings.webhooks import target_from, webhooks
from imagine.words.errors import ImagineError
from tests.clients import python_with
from tests.server.lasting.test_database import ABOUT
from tests.server.served import ask, serving, settings_at

SECRET = "whsec_" + base64.b64encode(b"s" * 24).decode()
OLDER = "whsec_" + base64.b64encode(b"o" * 24).decode()


class Receiver:
    """Somebody's server: what came, and `answers` in their order, then 200; None is none at all."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.seen = []
        self.news, self.over = asyncio.Event(), asyncio.Event()

    async def take(self, request):
        self.seen.append((request.path_qs, dict(request.headers), await request.read()))
        self.news.set()
        status = self.answers.pop(0) if self.answers else 200
        if status is None:
            await self.over.wait()
        return web.Response(status=status, headers={"Location": "/elsewhere"} if status == 302 else {})

    async def count(self, count):
        while len(self.seen) < count:
            self.news.clear()
            await self.news.wait()
        return self.seen

    def ids(self):
        return [headers["webhook-id"] for _, headers, _ in self.seen]


@contextlib.asynccontextmanager
async def listening(receiver, host="127.0.0.1", port=0):
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", receiver.take)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    await site.start()
    try:
        yield site._server.sockets[0].getsockname()[1]
    finally:
        receiver.over.set()
        await runner.cleanup()


def allowing(port, *secrets):
    return webhooks({"allowed": [f"http://127.0.0.1:{port}/hooks/"], "secret": list(secrets or [SECRET])})


async def placed(client, port, **more):
    body = {"prompt": "a fox", "webhook": f"http://127.0.0.1:{port}/hooks/a?token=t", **more}
    async with client.post("/jobs", json=body) as answer:
        said = await answer.json()
        assert answer.status == 202, said
        return said["id"]


async def webhook_of(client, order, state):
    """What the order says of it, once its last message is in that state."""
    while True:
        async with client.get(f"/jobs/{order}") as answer:
            told = (await answer.json())["webhook"]
        if told["deliveries"] and told["deliveries"][-1]["state"] == state:
            return told
        await asyncio.sleep(0)


def run(act, *answers):
    async def go():
        receiver = Receiver(*answers)
        async with asyncio.timeout(240), listening(receiver) as port:
            return await act(receiver, port)

    return asyncio.run(go())


def test_what_happens_is_told_in_turn_and_signed_by_each_secret(tmp_path):
    async def act(receiver, port):
        async with serving(tmp_path, webhooks=allowing(port, SECRET, OLDER)) as client:
            order = await placed(client, port, count=2, webhook_events=["started", "final", "end"])
            seen = await receiver.count(4)
            told = await webhook_of(client, order, "delivered")
        bodies = [json.loads(body) for _, _, body in seen]
        assert [each["type"] for each in bodies] == ["order.started", *["order.final"] * 2, "order.end"]
        assert {each["data"]["id"] for each in bodies} == {order}
        assert [each["data"]["state"] for each in bodies] == [*["running"] * 3, "succeeded"]
        assert sorted(each["data"]["picture"]["index"] for each in bodies[1:3]) == [0, 1]
        assert len(bodies[3]["data"]["pictures"]) == 2
        assert not any(b"fox" in body or len(body) > 2000 for _, _, body in seen)
        for path, headers, body in seen:
            assert path == "/hooks/a?token=t"
            content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
            signed = [hmac.new(key * 24, content, hashlib.sha256).digest() for key in (b"s", b"o")]
            assert headers["webhook-signature"] == " ".join(f"v1,{base64.b64encode(each).decode()}" for each in signed)
            assert not {name.lower() for name in headers} & {"authorization", "cookie", "x-api-key"}
        assert len(set(receiver.ids())) == 4
        assert told["url"] == f"http://127.0.0.1:{port}/hooks/a?"
        assert [each["state"] for each in told["deliveries"]] == ["delivered"] * 4

    run(act)


def test_what_is_not_taken_is_sent_again_under_its_id_and_no_redirect_followed(tmp_path, monkeypatch):
    monkeypatch.setattr(deliverer, "RETRIES", (0.0, 0.0))

    async def act(receiver, port):
        async with serving(tmp_path, webhooks=allowing(port)) as client:
            order = await placed(client, port)
            await receiver.count(3)
            told = await webhook_of(client, order, "delivered")
            given_up = await placed(client, port, prompt="fail OutOfMemory")
            failed = await webhook_of(client, given_up, "failed")
            await placed(client, port)
            seen = await receiver.count(7)
        assert [path for path, _, _ in seen] == ["/hooks/a?token=t"] * 7
        assert len(set(receiver.ids()[:3])) == len({body for _, _, body in seen[:3]}) == 1
        assert told["deliveries"][0]["attempts"] == 3
        assert json.loads(seen[3][2])["data"]["state"] == "failed"
        assert (failed["deliveries"][0]["attempts"], failed["deliveries"][0]["code"]) == (3, "webhook.status")

    run(act, 500, 302, 200, 500, 404, 503)


def test_a_receiver_that_is_gone_hears_no_more(tmp_path):
    async def act(receiver, port):
        async with serving(tmp_path, webhooks=allowing(port)) as client:
            order = await placed(client, port, webhook_events=["started", "end"])
            await webhook_of(client, order, "stopped")
            await placed(client, port)
            await receiver.count(2)
        assert receiver.ids()[0].endswith("started")
        assert order not in receiver.ids()[1]

    run(act, 410)


@pytest.mark.parametrize("readable", [True, False])
def test_a_message_that_a_stop_cuts_off_is_sent_again_at_the_next_start(tmp_path, monkeypatch, readable):
    async def another_has_it(_):
        raise ImagineError(message("book.failed", path="orders.sqlite", why="it is locked"))

    async def act(receiver, port):
        async with serving(tmp_path, webhooks=allowing(port)) as client:
            order = await placed(client, port)
            await receiver.count(1)
        if not readable:
            monkeypatch.setattr(Deliveries, "any", another_has_it)
        async with serving(tmp_path, webhooks=allowing(port)) as client:
            await receiver.count(2)
            told = await webhook_of(client, order, "delivered")
        (_, first, before), (_, second, again) = receiver.seen
        assert (first["webhook-id"], before) == (second["webhook-id"], again)
        assert told["deliveries"][0]["attempts"] == 1

    run(act, None)


def test_an_order_that_comes_while_a_start_looks_for_messages_is_told_of(tmp_path, monkeypatch):
    looks, may_go_on = asyncio.Event(), asyncio.Event()

    async def none_by_now(_):
        looks.set()
        await may_go_on.wait()
        return False

    async def act(receiver, port):
        async with serving(tmp_path) as client, client.post("/jobs", json={"prompt": "a fox"}) as answer:
            assert answer.status == 202
        monkeypatch.setattr(Deliveries, "any", none_by_now)
        async with serving(tmp_path, webhooks=allowing(port)) as client:
            await looks.wait()
            order = await placed(client, port)
            may_go_on.set()
            await receiver.count(1)
        assert receiver.ids() == [f"msg_{order}_end"]

    run(act)


class NotedSender:
    """A `Sender` whose messages are all taken."""

    def __init__(self):
        self.ids, self.news = [], asyncio.Event()

    async def send(self, url, headers, body):
        self.ids.append(headers["webhook-id"])
        self.news.set()

    async def close(self):
        pass


@contextlib.asynccontextmanager
async def delivering(folder, wall, body=lambda row, happened: b"{}", **said):
    """A book in which one order ended at second 100, and the sender of a `Deliverer` that is at it."""
    database = Database(folder / "book.sqlite")
    book, sender = LastingBook(database), NotedSender()
    hook = Webhook("https://ok.example/hooks/a", "https://ok.example:443", ("end",), "imagine", "http://us")
    number = await book.put("id", "ann", "c", 1.0, ABOUT, PackedJobs(b"", {}), None, hook)
    await book.end(number, "failed", None, 100.0, 9.0)
    settings = settings_at(folder, **{"webhooks": webhooks({"allowed": "https://ok.example", "secret": SECRET})} | said)
    task = asyncio.create_task(Deliverer(lambda: settings, book, {"imagine": body}, sender, wall).run())
    try:
        async with asyncio.timeout(240):
            yield book, sender
    finally:
        task.cancel()
        await asyncio.wait({task})
        await database.close()


def test_what_comes_due_while_others_are_looked_for_is_sent(tmp_path):
    async def go():
        async with delivering(tmp_path, itertools.count(99.5).__next__) as (_, sender):
            await sender.news.wait()
            assert sender.ids == ["msg_id_end"]

    asyncio.run(go())


@pytest.mark.parametrize(
    ("said", "body", "code"),
    [({}, None, "webhook.broken"), ({"offline": True}, lambda row, happened: b"{}", "webhook.offline")],
)
def test_what_can_not_be_sent_now_is_tried_again_after_a_rest(tmp_path, said, body, code):
    tried = []

    def noted(row, happened):
        tried.append(happened)
        return body(row, happened)

    async def go():
        async with delivering(tmp_path, lambda: 100.0, noted, **said) as (book, sender):
            while not (await book.get("id")).called.deliveries[0].attempts and len(tried) < 2:
                await asyncio.sleep(0)
            (told,) = (await book.get("id")).called.deliveries
            assert (told.state, told.attempts, told.told.code, sender.ids) == ("waiting", 1, code, [])
            assert told.due > 100.0

    asyncio.run(go())


def test_what_the_owner_allows_no_more_is_not_sent(tmp_path):
    async def act(receiver, port):
        async with serving(tmp_path, webhooks=allowing(port)) as client:
            order = await placed(client, port, prompt="hold")
            await client.worker.news.wait()
            client.gateway.reload(settings_at(tmp_path))
            client.worker.finish(client.worker.seen[0].job)
            while not (told := await webhook_of(client, order, "waiting"))["deliveries"][0]["attempts"]:
                await asyncio.sleep(0)
        assert told["deliveries"][0]["code"] == "webhook.elsewhere"
        assert receiver.seen == []

    run(act)


REFUSED = [
    ({"webhook": "https://ok.example.evil/hooks/a"}, "webhook.elsewhere"),
    ({"webhook": "https://ok.example@evil/hooks/a"}, "webhook.form"),
    ({"webhook": "https://evil\\@ok.example/hooks/a"}, "webhook.form"),
    ({"webhook": "https://ok.example/hooks/../admin"}, "webhook.form"),
    ({"webhook": "https://ok.example/hooks/%252E%252e/admin"}, "webhook.form"),
    ({"webhook": "https://ok.example/hooks/..;/admin"}, "webhook.form"),
    ({"webhook": "https://ok.example/hooksie"}, "webhook.elsewhere"),
    ({"webhook": "http://ok.example/hooks/a"}, "webhook.elsewhere"),
    ({"webhook": "https://ok.example:8443/hooks/a"}, "webhook.elsewhere"),
    ({"webhook": "https://127.0.0.1/hooks/a"}, "webhook.elsewhere"),
    ({"webhook": "https://[::ffff:127.0.0.1]/hooks/a"}, "webhook.elsewhere"),
    ({"webhook": "https://2130706433/hooks/a"}, "webhook.elsewhere"),
    ({"webhook": "file:///hooks/a"}, "webhook.form"),
    ({"webhook": "https://ok.example/hooks/a\r\nX: y"}, "webhook.form"),
    ({"webhook": 7}, "webhook.form"),
    ({"webhook": "https://ok.example/hooks/a", "webhook_events": ["logs"]}, "webhook.events"),
    ({"webhook_events": ["end"]}, "webhook.missing"),
]


def test_other_addresses_are_refused_before_anything_is_made(tmp_path):
    async def act(client):
        told = []
        for more, _ in REFUSED:
            async with client.post("/jobs", json={"prompt": "a fox", **more}) as answer:
                said = await answer.json()
                told.append((answer.status, said["code"], said["field"]))
        assert client.worker.seen == []
        return told

    allowed = webhooks({"allowed": "https://ok.example/hooks", "secret": SECRET})
    expected = [(400, code, "webhook_events" if code.endswith(".events") else "webhook") for _, code in REFUSED]
    assert ask(tmp_path, act, webhooks=allowed) == expected


@pytest.mark.parametrize(
    ("path", "said", "code"),
    [
        ("/jobs", {"webhooks": None}, "webhook.none"),
        ("/jobs", {"offline": True}, "webhook.offline"),
        ("/generate", {}, "webhook.attached"),
    ],
)
def test_where_nobody_may_be_told_a_request_that_names_one_is_refused(tmp_path, path, said, code):
    async def act(client):
        async with client.post(path, json={"prompt": "a fox", "webhook": "https://ok.example/hooks/a"}) as answer:
            assert (answer.status, (await answer.json())["code"]) == (400, code)

    ask(tmp_path, act, **{"webhooks": webhooks({"allowed": "https://ok.example/hooks", "secret": SECRET})} | said)


class Names(AbstractResolver):
    """Whatever is looked up leads to these addresses, the next ones each time."""

    def __init__(self, *answers):
        self.answers = list(answers)

    async def resolve(self, host, port=0, family=0):
        return [
            {"hostname": host, "host": each, "port": port, "family": 2, "proto": 0, "flags": 0}
            for each in self.answers.pop(0)
        ]

    async def close(self):
        pass


async def sent(url, *answers, patience=60.0):
    """Why a message to that address came to nothing; None where it was taken."""
    sender = Sender(Names(*answers), patience)
    try:
        await sender.send(url, {}, b"{}")
    except NotTaken as error:
        return error.note.code
    finally:
        await sender.close()
    return None


def test_a_name_that_leads_to_a_private_address_is_not_followed():
    async def act(receiver, port):
        for addresses in (["127.0.0.1"], ["10.0.0.1", "127.0.0.1"], ["169.254.169.254"], ["::ffff:7f00:1"], ["::1"]):
            assert await sent(f"http://ok.example:{port}/hooks/a", addresses) == "webhook.private"
        assert receiver.seen == []

    run(act)


def test_a_name_is_looked_up_once_for_what_is_connected_to(monkeypatch):
    monkeypatch.setattr(sending, "is_public", lambda address: address == "127.0.0.2")

    async def act(receiver, port):
        own = Receiver()
        async with listening(own, "127.0.0.2", port):
            assert await sent(f"http://ok.example:{port}/hooks/a", ["127.0.0.1", "127.0.0.2"]) is None
            assert await sent(f"http://ok.example:{port}/hooks/a", ["127.0.0.1"], ["127.0.0.2"]) == "webhook.private"
        assert (len(own.seen), receiver.seen) == (1, [])
        assert own.seen[0][1]["Host"] == f"ok.example:{port}"

    run(act)


def test_names_that_nobody_finds_hold_up_no_other_work(monkeypatch):
    asked, may_end = [], threading.Event()
    monkeypatch.setattr(sending.socket, "getaddrinfo", lambda *_, **__: asked.append(1) or (may_end.wait(240) and []))

    async def go():
        sender = Sender(patience=240.0)
        sends = [asyncio.ensure_future(sender.send("https://ok.example/", {}, b"{}")) for _ in range(40)]
        try:
            async with asyncio.timeout(60):
                while len(asked) < 4:
                    await asyncio.sleep(0)
                await asyncio.to_thread(asked.clear)
        finally:
            may_end.set()
        told = await asyncio.gather(*sends, return_exceptions=True)
        await sender.close()
        assert [each.note.code for each in told] == ["webhook.private"] * 40

    asyncio.run(go())


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"", "webhook.slow"),
        (b"HTTP/1.1 200 OK\r\n" + b"X-More: x\r\n" * 10_000, "webhook.unreached"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\nendless", None),
        (b"SSH-2.0-OpenSSH\r\n", "webhook.unreached"),
    ],
)
def test_a_slow_endless_or_foreign_answer_costs_its_time_and_nothing_else(answer, code):
    async def act():
        done, closed = asyncio.Event(), asyncio.Event()

        async def serve(reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await done.wait()
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
            closed.set()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server, asyncio.timeout(240):
            port = server.sockets[0].getsockname()[1]
            patience = 0.05 if code == "webhook.slow" else 60.0
            assert await sent(f"http://127.0.0.1:{port}/", patience=patience) == code
            done.set()
            await closed.wait()

    asyncio.run(act())


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"allowed": ["https://ok.example/?a=b"], "secret": SECRET}, "without a query"),
        ({"allowed": ["https://me:pw@ok.example/"], "secret": SECRET}, "nobody's name"),
        ({"allowed": ["https://ok.example/"]}, "one of secret and secret_file"),
        ({"allowed": ["https://ok.example/"], "secret": "whsec_c2hvcnQ="}, "24 to 64 random bytes"),
        ({"alowed": []}, "a mapping of allowed"),
    ],
)
def test_settings_that_mean_nothing_are_refused_without_the_secret(said, why):
    with pytest.raises(ImagineError, match=why) as refused:
        settings_from(config=json.dumps({"webhooks": said}), environ={})
    assert SECRET not in str(refused.value)
    assert "c2hvcnQ" not in str(refused.value)


def test_a_secret_is_read_from_its_file_and_never_shown(tmp_path):
    (tmp_path / "secret").write_text(f"{SECRET}\n{OLDER}\n")
    said = {"allowed": "https://ok.example/hooks", "secret_file": str(tmp_path / "secret")}
    settings, _ = settings_from(config=json.dumps({"webhooks": said}), environ={})
    assert settings.webhooks.secrets == (b"s" * 24, b"o" * 24)
    assert settings.webhooks.allows(target_from("https://OK.example:443/hooks/a?b"))
    assert SECRET[6:] not in repr(settings)


def test_standard_webhooks_own_verifier_accepts_what_is_sent(tmp_path):
    python = python_with("standardwebhooks")
    check = (
        "import json, sys; from standardwebhooks import Webhook; said = json.load(sys.stdin);"
        "print(Webhook(said['secret']).verify(said['body'], said['headers'])['type'])"
    )

    async def act(receiver, port):
        async with serving(tmp_path, webhooks=allowing(port)) as client:
            await placed(client, port)
            await receiver.count(1)
        ((_, headers, body),) = receiver.seen
        return {"secret": SECRET, "headers": {k.lower(): v for k, v in headers.items()}, "body": body.decode()}

    said = run(act)
    told = subprocess.run([python, "-c", check], input=json.dumps(said), capture_output=True, text=True, check=False)
    assert (told.returncode, told.stdout) == (0, "order.end\n"), told.stderr

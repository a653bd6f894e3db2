"""Connections before and after their requests: what is no HTTP, what doesn't come, and who comes too often."""

import asyncio
import contextlib
import errno
import functools
import json
import re

import pytest
from aiohttp import web

from imagine.registry.registry import Registry
from imagine.server import app
from imagine.server.dialects import DIALECTS
from imagine.server.gateway.gateway import Gateway
from imagine.server.http import connections, file_limit
from imagine.server.http.connections import Connection, Runner
from imagine.server.http.dialect import Dialect, Route
from tests.server.made_up_dialect.dialect import BRUSH
from tests.server.served import PATIENCE, PromptedWorker, add_model, settings_at

GET = b"GET /health HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST /generate HTTP/1.1\r\nHost: localhost\r\n"


@contextlib.asynccontextmanager
async def listening(folder, dialects=DIALECTS, **options):
    """The port of a server with these bounds."""
    add_model(folder, "fox")
    settings = settings_at(folder)
    gateway = Gateway(settings, workers=[PromptedWorker()], registry=Registry(settings.roots))
    application = app.make_app(gateway, dialects)
    runner = Runner(application, handler_cancellation=True, access_log=None, shutdown_timeout=0.1, **options)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with asyncio.timeout(PATIENCE):
        await gateway.start()
        try:
            yield runner.addresses[0][1]
        finally:
            await gateway.stop(0)
            await runner.cleanup()


@contextlib.asynccontextmanager
async def connected(port, **options):
    """A connection to it, closed in any case."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, **options)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def answered(port, data):
    """Status and JSON of one answer."""
    async with connected(port) as (reader, writer):
        writer.write(data)
        return await one_answer(reader)


async def one_answer(reader):
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    length = int(head.split("content-length: ")[1].split("\r\n")[0])
    assert "content-type: application/json" in head, head
    assert "x-content-type-options: nosniff" in head, head
    assert not re.search(r"^server: .*\d", head, re.MULTILINE), head
    return int(head.split()[1]), json.loads(await reader.readexactly(length))


MALFORMED = {
    "not http": (b"GARBAGE\r\n\r\n", 400),
    "tls": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "http/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "an unknown version": (b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n", 400),
    "a NUL in the path": (b"GET /\0 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "a URL that is none": (b"GET http://[aaaa/ HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    "a path too long": (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 431),
    "a header too long": (GET + b"X: " + b"a" * 20_000 + b"\r\n\r\n", 431),
    "too many headers": (GET + b"".join(b"X-%d: 1\r\n" % i for i in range(500)) + b"\r\n", 400),
    "no header": (GET + b"no colon\r\n\r\n", 400),
    "a NUL in a header": (GET + b"X: a\0b\r\n\r\n", 400),
    "two hosts": (GET + b"Host: localhost\r\n\r\n", 400),
    "no host": (b"GET /health HTTP/1.1\r\n\r\n", 400),
    "bad chunks": (POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", 400),
    "two ways to say a length": (POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "a negative length": (POST + b"Content-Length: -1\r\n\r\n{}", 400),
    "two lengths": (POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}a", 400),
    "an unknown encoding": (POST + b"Transfer-Encoding: gzip\r\n\r\n", 400),
    "an expectation": (POST + b"Expect: magic\r\nContent-Length: 2\r\n\r\n{}", 417),
}


def test_what_is_no_http_is_refused_like_anything_else(tmp_path, caplog):
    async def act():
        async with listening(tmp_path) as port:
            for what, (data, status) in MALFORMED.items():
                seen, said = await answered(port, data)
                assert (seen, next(iter(said))) == (status, "error"), what
                assert "aaaa" not in said["error"], f"{what}: what was sent isn't sent back"
            assert (await answered(port, GET + b"\r\n"))[0] == 200

    asyncio.run(act())
    assert "Traceback" not in caplog.text


def test_chunks_that_turn_bad_later_are_refused(tmp_path):
    async def act():
        async with listening(tmp_path) as port, connected(port) as (reader, writer):
            writer.write(POST + b"Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n")
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            writer.write(b"zz\r\n{}\r\n")
            status, said = await one_answer(reader)
            assert (status, next(iter(said))) == (400, "error")

    asyncio.run(act())


@pytest.mark.parametrize("begun", [b"GET", GET, GET + b"X: 1"])
def test_a_head_that_does_not_come_ends_the_connection(tmp_path, begun):
    async def act():
        async with listening(tmp_path, head_deadline=0.02) as port, connected(port) as (reader, writer):
            writer.write(begun)
            assert await reader.read() == b""

    asyncio.run(act())


def test_a_connection_that_says_nothing_is_ended(tmp_path):
    async def act():
        async with listening(tmp_path, keepalive_timeout=0.02) as port, connected(port) as (reader, _):
            assert await reader.read() == b""

    asyncio.run(act())


def test_the_deadline_of_a_head_is_not_that_of_its_answer(tmp_path, monkeypatch):
    """Nothing is left that would end the connection: a deadline that passes isn't waited for."""
    made, connection_made = [], Connection.connection_made
    monkeypatch.setattr(
        Connection, "connection_made", lambda self, transport: (made.append(self), connection_made(self, transport))
    )

    async def act():
        async with listening(tmp_path, head_deadline=2 * PATIENCE) as port, connected(port) as (reader, writer):
            for _ in range(2):  # the second on the same connection
                writer.write(GET)
                await writer.drain()
                while not made or made[0]._late is None:
                    await asyncio.sleep(0)
                writer.write(b"\r\n")
                assert (await one_answer(reader))[0] == 200
                assert made[0]._late is None
            body = b'{"prompt": "hold"}'
            writer.write(POST + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            while made[0]._current_request is None:
                await asyncio.sleep(0)
            assert made[0]._late is None

    asyncio.run(act())


async def full(port, most):
    """Connects `most` times, and then once more."""
    async with contextlib.AsyncExitStack() as stack:
        held = [await stack.enter_async_context(connected(port)) for _ in range(most)]
        for reader, writer in held:
            writer.write(GET + b"\r\n")
            assert (await one_answer(reader))[0] == 200
        async with connected(port) as (reader, _):
            assert (await one_answer(reader))[0] == 503
            assert await reader.read() == b""
        held[0][1].close()
        while (await answered(port, GET + b"\r\n"))[0] != 200:  # until the end of the first was seen
            await asyncio.sleep(0)


def test_there_are_only_so_many_connections(tmp_path):
    async def act():
        async with listening(tmp_path, most=3) as port:
            await full(port, 3)

    asyncio.run(act())


def test_another_machine_has_only_its_share_of_them(tmp_path, monkeypatch):
    monkeypatch.setattr(Connection, "host", "192.0.2.1")

    async def act():
        async with listening(tmp_path, most=8, knows=lambda _: True) as port:
            await full(port, 2)

    asyncio.run(act())


def test_an_answer_that_nobody_takes_ends_the_connection(tmp_path, monkeypatch):
    monkeypatch.setattr(connections, "ANSWER_DEADLINE", 0.02)
    ended = asyncio.Event()
    monkeypatch.setattr(Connection, "connection_lost", lambda connection, error: ended.set())

    async def large(_):
        return web.Response(body=bytes(2**25))

    only = Dialect("large", prefixes=(), routes=(Route("GET", "/large", large, ""),))

    async def act():
        async with listening(tmp_path, [only]) as port, connected(port, limit=2**10) as (_, writer):
            writer.write(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")  # and nobody reads
            await ended.wait()

    asyncio.run(act())


def test_what_is_refused_before_any_handler_has_the_shape_of_its_dialect(tmp_path):
    async def act():
        async with listening(tmp_path, [*DIALECTS, BRUSH]) as port, connected(port) as (reader, writer):
            for path in ("/brush/paint", "/v1/images/edits"):
                writer.write(b"POST %b HTTP/1.1\r\nHost: localhost\r\nExpect: magic\r\n\r\n" % path.encode())
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(re.search(rb"Content-Length: (\d+)", head)[1])
                said = json.loads(await reader.readexactly(length))
                shapes.append(set(said["error"]) if "error" in said else said["status"])

    shapes = []
    asyncio.run(act())
    assert shapes == [417, {"message", "type", "param", "code"}]


def test_places_are_kept_for_this_machine():
    async def act():
        server = connections.Connections(None, most=16)
        for number in range(14):
            assert server.admits(f"192.0.2.{number}")
            server.held[f"192.0.2.{number}"] += 1
        assert not server.admits("192.0.2.99")
        assert server.admits("")
        server.held[""] += 2
        assert not server.admits("")

    asyncio.run(act())


def test_neighbours_in_a_network_of_ipv6_count_as_one(tmp_path, monkeypatch):
    addresses = iter(f"2001:db8:1:2::{number}" for number in range(1, 99))
    monkeypatch.setattr(Connection, "host", functools.cached_property(lambda _: next(addresses)))
    Connection.host.__set_name__(Connection, "host")

    async def act():
        async with listening(tmp_path, most=8, knows=lambda _: True) as port:
            await full(port, 2)

    asyncio.run(act())


def test_a_stranger_is_told_so_and_takes_nobodys_place(tmp_path, monkeypatch):
    """Each has a few connections, for one question and a few seconds; beyond them he isn't even told."""
    told = web.HTTPForbidden
    monkeypatch.setattr(Connection, "host", "192.0.2.1")
    monkeypatch.setattr(connections, "_STRANGERS_TIME", PATIENCE)
    monkeypatch.setattr(app.Guard, "check", lambda *_: (_ for _ in ()).throw(told()))

    async def act():
        async with listening(tmp_path, most=1) as port, contextlib.AsyncExitStack() as stack:
            held = [await stack.enter_async_context(connected(port)) for _ in range(4)]
            for number, (_, writer) in enumerate(held):
                writer.write(GET + b"\r\n" if number < 3 else b"GET")
            async with connected(port) as (reader, _):
                with contextlib.suppress(ConnectionError):
                    assert await reader.read() == b"", "a fifth at the same time"
            for reader, _ in held[:3]:
                assert (await one_answer(reader))[0] == 403
                assert await reader.read() == b""
            monkeypatch.undo()
            assert (await answered(port, GET + b"\r\n"))[0] == 200

    asyncio.run(act())


def test_a_stranger_who_says_nothing_is_ended_soon(tmp_path, monkeypatch):
    monkeypatch.setattr(Connection, "host", "192.0.2.1")
    monkeypatch.setattr(connections, "_STRANGERS_TIME", 0.02)

    async def act():
        async with listening(tmp_path) as port, connected(port) as (reader, _):
            assert await reader.read() == b""

    asyncio.run(act())


def test_as_many_as_there_are_files_for(monkeypatch):
    import resource

    seen, spare = [], file_limit.BURST + file_limit._OWN_FILES
    monkeypatch.setattr(resource, "setrlimit", lambda what, limits: seen.append(limits))
    monkeypatch.setattr(resource, "getrlimit", lambda what: (1024, 1024))
    assert file_limit.connections_allowed(2048) == 1024 - spare
    monkeypatch.setattr(resource, "getrlimit", lambda what: (64, 64))
    assert file_limit.connections_allowed(2048) == 1
    monkeypatch.setattr(resource, "getrlimit", lambda what: (1024, resource.RLIM_INFINITY))
    assert file_limit.connections_allowed(2048) == 2048
    assert seen == [(1024, 1024), (64, 64), (2048 + spare, resource.RLIM_INFINITY)]


def test_no_file_left_is_a_sentence_once_a_minute(caplog):
    now = [0.0]
    said = file_limit.Exhaustion(lambda: now[0])

    async def act():
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(said)
        for moment in (0.0, 1.0, 61.0):
            now[0] = moment
            error = OSError(errno.EMFILE, "Too many open files")
            loop.call_exception_handler({"message": "socket.accept() out of system resource", "exception": error})
        assert caplog.text.count("no files are left") == 2
        assert "Traceback" not in caplog.text
        loop.call_exception_handler({"message": "something else", "exception": OSError(errno.EIO, "broken")})
        assert "something else" in caplog.text

    asyncio.run(act())

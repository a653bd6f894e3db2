"""A server from its start to its end, over real sockets; the last test with a real worker and a real checkpoint."""

import asyncio
import base64
import dataclasses
import fcntl
import io
import json
import logging
import os
import signal
import socket
import stat
import subprocess
import sys
import termios
import threading

import aiohttp
import pytest
from PIL import Image

from imagine.server.logs import JsonLines, formatter_of, to_journal
from imagine.server.reload import reload
from imagine.server.serve import serve
from imagine.server.systemd import Notifier
from imagine.settings.settings import Settings
from imagine.words.errors import ImagineError
from tests.daemon import ROOT, environment
from tests.server.served import PATIENCE, PromptedWorker, add_model, ask

LIGHT = """
import sys
from imagine.server.http.half import import_serving_half
import_serving_half()
import imagine.server.serve, imagine.settings.settings
from imagine.server.gateway.own_worker import own_workers
own_workers(imagine.settings.settings.Settings())
print(*sys.modules)
"""


def running(settings, act, workers=True, reread=None):
    """Serves on a free port while `act(urls, stop)` runs; `stop` is the event that ends it."""

    async def go():
        stop, urls = asyncio.Event(), asyncio.get_running_loop().create_future()
        workers_ = [PromptedWorker()] if workers is True else workers
        server = asyncio.ensure_future(
            serve(settings, workers=workers_, ready=urls.set_result, stop=stop, reread=reread)
        )
        async with asyncio.timeout(PATIENCE):
            await asyncio.wait([server, urls], return_when=asyncio.FIRST_COMPLETED)
            if server.done():
                await server
            try:
                await act(await urls, stop)
            finally:
                stop.set()
                await server

    asyncio.run(go())


def test_it_listens_says_where_and_ends_by_a_signal(tmp_path):
    async def act(urls, stop):
        (url,) = urls
        async with aiohttp.ClientSession() as client:
            async with client.get(f"{url}/health") as answer:
                assert (await answer.json())["name"] == "imagine"
            os.kill(os.getpid(), signal.SIGTERM)
            await stop.wait()

    running(Settings(home=tmp_path, host="127.0.0.1", port=0), act)


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="there is no IPv6 here")
def test_every_address_is_those_of_ipv4_too(tmp_path):
    async def act(urls, stop):
        port = urls[0].rpartition(":")[2]
        assert urls == [f"http://[::]:{port}"]
        async with aiohttp.ClientSession() as client:
            for host in ("127.0.0.1", "[::1]", "localhost"):
                async with client.get(f"http://{host}:{port}/models") as answer:
                    assert answer.status == 200

    running(Settings(home=tmp_path, host="::", port=0), act)


def test_a_reload_that_hangs_does_not_hold_up_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr("imagine.server.serve._has_terminal", lambda: False)
    reading, never = threading.Event(), threading.Event()

    def reread():
        reading.set()
        never.wait()
        return Settings()

    async def act(urls, stop):
        os.kill(os.getpid(), signal.SIGHUP)
        await asyncio.to_thread(reading.wait)
        os.kill(os.getpid(), signal.SIGTERM)
        await stop.wait()

    try:
        running(Settings(home=tmp_path, host="127.0.0.1", port=0), act, reread=reread)
    finally:
        never.set()


def test_a_reload_that_takes_too_long_is_given_up(tmp_path, caplog):
    never = threading.Event()

    async def act(client):
        before = client.gateway.settings
        await reload(client.server.app, never.wait, patience=0)
        assert client.gateway.settings is before

    try:
        ask(tmp_path, act)
    finally:
        never.set()
    assert "could not be read within 0 s" in caplog.text


def test_a_private_socket_is_only_this_users(tmp_path):
    path = tmp_path / "s"

    async def act(urls, stop):
        assert urls == [f"unix:{path}"]
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        async with (
            aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as client,
            client.get("http://imagine/models") as answer,
        ):
            assert "fox" in (await answer.json())["models"]

    add_model(tmp_path, "fox")
    running(Settings(home=tmp_path, socket=path), act)
    assert not path.exists()


def test_an_address_in_use_is_told(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        async def act(urls, stop):
            raise AssertionError

        with pytest.raises(ImagineError, match=f"127.0.0.1:{port}: another program listens there"):
            running(Settings(home=tmp_path, host="127.0.0.1", port=port), act)


@pytest.fixture
def heard(monkeypatch):
    """Where systemd would listen: an abstract address, as it is in containers."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind("")
        heard.settimeout(PATIENCE)
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + heard.getsockname()[1:].decode())
        yield heard


def told(heard):
    """The next thing that systemd is told."""
    return dict(line.split("=", 1) for line in heard.recv(1000).decode().splitlines())


def test_systemd_is_told_in_a_file_too(tmp_path):
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(path)
        Notifier({"NOTIFY_SOCKET": path}).tell("READY=1", "STATUS=here")
        assert told(heard) == {"READY": "1", "STATUS": "here"}


def test_a_systemd_that_cannot_be_told_is_no_reason_to_end(tmp_path, caplog):
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")}).tell("READY=1")
    assert "systemd can't be told READY=1: No such file" in caplog.text.replace("[Errno 2] ", "")


def test_a_notifier_without_systemd_is_deaf(caplog):
    notifier = Notifier({})
    notifier.tell("READY=1")
    assert not notifier.listens
    assert not caplog.records


@pytest.mark.parametrize(
    ("said", "beat"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 15.0), ({}, None), ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": str(os.getpid())}, 1.0),
        ({"WATCHDOG_USEC": "2000000", "WATCHDOG_PID": str(os.getppid())}, None),
    ],
)  # fmt: skip
def test_the_watchdog_is_fed_twice_as_often_as_it_wants(said, beat):
    environ = said | {"NOTIFY_SOCKET": "/run/notify", "PATH": "/bin"}
    assert Notifier(environ).beat == beat
    assert environ == {"PATH": "/bin"}, "children don't inherit what is for this process alone"


def test_systemd_hears_of_a_server_from_its_start_to_its_end(tmp_path, heard, monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", "1000000")
    seen = []

    async def act(urls, stop):
        seen.extend([await asyncio.to_thread(told, heard) for _ in range(3)])

    running(Settings(home=tmp_path, host="127.0.0.1", port=0), act)
    assert seen[0] == {"READY": "1"}
    assert seen[1] == {"WATCHDOG": "1", "STATUS": "ready on fake: 0 running, 0 waiting"}
    assert seen[2] == {"WATCHDOG": "1"}
    rest = told(heard)
    while rest == {"WATCHDOG": "1"}:
        rest = told(heard)
    assert rest == {"STOPPING": "1"}


def test_the_watchdog_is_not_fed_by_a_server_whose_worker_nobody_starts_again(tmp_path, heard, monkeypatch):
    monkeypatch.setenv("WATCHDOG_USEC", "1000000")
    worker = PromptedWorker()
    worker.kept = False
    seen = []

    async def act(urls, stop):
        seen.extend([await asyncio.to_thread(told, heard) for _ in range(2)])

    running(Settings(home=tmp_path, host="127.0.0.1", port=0), act, workers=[worker])
    assert seen == [{"READY": "1"}, {"STATUS": "ready on fake: 0 running, 0 waiting"}]


@pytest.fixture
def detached(monkeypatch):
    """As a service is: whatever terminal the tests were started in."""
    monkeypatch.setattr("imagine.server.serve._has_terminal", lambda: False)


@pytest.mark.usefixtures("detached")
def test_a_reload_takes_over_what_can_change_and_names_the_rest(tmp_path, heard, caplog):
    caplog.set_level(logging.INFO, "imagine")
    first = Settings(home=tmp_path, host="127.0.0.1", port=0)
    later = dataclasses.replace(first, port=1, api_key="sesame", blocked_terms=("hat",))

    async def act(urls, stop):
        async with aiohttp.ClientSession(urls[0]) as client:
            assert (await client.get("/models")).status == 200
            await asyncio.to_thread(told, heard)
            os.kill(os.getpid(), signal.SIGHUP)
            said = [await asyncio.to_thread(told, heard) for _ in range(3)]
            said = [line for line in said if "STATUS" not in line]
            assert said[0].keys() == {"RELOADING", "MONOTONIC_USEC"}
            assert said[1] == {"READY": "1"}
            assert (await client.get("/models")).status == 401
            key = {"Authorization": "Bearer sesame"}
            async with client.post("/generate", json={"prompt": "a hat"}, headers=key) as answer:
                assert "'hat'" in (await answer.json())["error"]

    add_model(tmp_path, "fox")
    running(first, act, reread=lambda: later)
    assert "what has changed in port takes effect at the next start" in caplog.text


@pytest.mark.usefixtures("detached")
def test_a_reload_that_fails_leaves_everything_as_it_was(tmp_path, heard, caplog):
    first = Settings(home=tmp_path, host="127.0.0.1", port=0, api_key="sesame")
    broken = tmp_path / "broken.yaml"
    broken.write_text("[")

    def reread():
        return dataclasses.replace(first, api_key=None, preset_files=(broken,))

    async def act(urls, stop):
        async with aiohttp.ClientSession(urls[0]) as client:
            await asyncio.to_thread(told, heard)
            os.kill(os.getpid(), signal.SIGHUP)
            while await asyncio.to_thread(told, heard) != {"READY": "1"}:
                continue
            assert (await client.get("/models")).status == 401

    running(first, act, reread=reread)
    assert "the settings stay as they were: the preset file" in caplog.text


def test_a_start_that_goes_wrong_leaves_no_worker(tmp_path):
    class Watched(PromptedWorker):
        stopped = False

        async def stop(self, grace):
            await super().stop(grace)
            self.stopped = True

    def wrong(urls):
        raise RuntimeError(urls)

    worker = Watched()
    with pytest.raises(RuntimeError):
        asyncio.run(serve(Settings(home=tmp_path, host="127.0.0.1", port=0), workers=[worker], ready=wrong))
    assert worker.stopped


def test_the_end_of_its_terminal_ends_it(tmp_path):
    terminal, inside = os.openpty()
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "tests/systemd/serve.py"), "--host", "127.0.0.1", "--port", "0"],
        stdin=inside, stdout=inside, stderr=inside, env=environment(tmp_path), start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )  # fmt: skip
    os.close(inside)
    said = b""
    try:
        while b"Listening on" not in said:
            said += os.read(terminal, 1000)
        os.close(terminal)
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.wait()


def lines_for_journal(settings, *records):
    """What the journal gets to read."""
    formatter = formatter_of(settings, journal=True)
    return [formatter.format(logging.makeLogRecord(record)).splitlines() for record in records]


def test_the_journal_gets_a_priority_with_every_line_and_no_time():
    trouble = {"msg": "went wrong:\n%s", "args": ("how",), "levelno": logging.ERROR}
    info = {"msg": "finished", "levelno": logging.INFO}
    odd = {"msg": "between", "levelno": logging.INFO + 1}
    assert lines_for_journal(Settings(), trouble, info, odd) == [
        ["<3>went wrong:", "<3>how"],
        ["<6>finished"],
        ["<4>between"],
    ]
    ((json_line,),) = lines_for_journal(Settings(log_format="json"), info | {"levelname": "INFO"})
    assert json_line.startswith("<6>{")


def test_only_the_journals_own_stream_is_taken_for_it(tmp_path):
    with (tmp_path / "log").open("w") as log:
        about = os.fstat(log.fileno())
        here = f"{about.st_dev}:{about.st_ino}"
        assert to_journal(log.fileno(), {"JOURNAL_STREAM": here})
        assert not to_journal(log.fileno(), {"JOURNAL_STREAM": "1:2"})
        assert not to_journal(log.fileno(), {})


def test_a_log_line_for_machines_has_fields():
    record = logging.makeLogRecord({"msg": "finished %s", "args": ("x",), "levelname": "INFO", "fields": {"job": "1"}})
    record.created = 0.25
    said = json.loads(JsonLines().format(record))
    assert (said["message"], said["job"], said["level"]) == ("finished x", "1", "info")
    assert said["time"] == "1970-01-01T00:00:00.250+00:00"


def test_the_server_imports_no_torch_and_of_aiohttp_only_what_serves():
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, check=True, timeout=240)
    imported = set(done.stdout.split())
    assert not {"torch", "diffusers", "transformers", "numpy", "yaml"} & imported
    asking = {name for name in imported if name.startswith(("aiohttp.client", "aiohttp.connector", "aiohttp.cookie"))}
    assert asking == {"aiohttp.client_exceptions"}
    assert "aiohappyeyeballs" not in imported
    assert not {name for name in imported if name.startswith(("imagine.processes.cores", "imagine.machines"))}


@pytest.mark.slow
def test_a_picture_from_a_real_worker(tmp_path):
    from tests.checkpoints import write_checkpoint

    (tmp_path / "models").mkdir()
    write_checkpoint(tmp_path / "models" / "tiny.safetensors")
    body = {
        "model": "tiny",
        "prompt": "a fox",
        "width": 64,
        "height": 64,
        "num_steps": 4,
        "seed": 7,
        "reproducible": True,
    }

    async def act(urls, stop):
        async with aiohttp.ClientSession(urls[0]) as client:
            async with client.post("/generate", json=body) as answer:
                assert answer.status == 200, await answer.text()
                alone = await answer.json()
            async with client.post("/generate", json=body | {"stream": 2}) as answer:
                said = [json.loads(line) async for line in answer.content]
        picture = Image.open(io.BytesIO(base64.b64decode(alone["img"])))
        assert picture.size == (64, 64)
        assert json.loads(picture.text["meta"])["seed"] == "7"
        assert said[-1]["status"] == "final"
        assert {line["status"] for line in said[:-1]} <= {"intermediate"}  # left out where the picture is there first
        assert said[-1]["img"] == alone["img"]

    running(Settings(home=tmp_path, host="127.0.0.1", port=0, device="cpu"), act, workers=None)

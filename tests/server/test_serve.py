"""A server from its start to its end, over real sockets; the last test with a real worker and a real checkpoint."""

import asyncio
import base64
import io
import json
import logging
import os
import signal
import socket
import stat
import subprocess
import sys

import aiohttp
import pytest
from PIL import Image

from imagine.errors import ImagineError
from imagine.server.logs import JsonLines
from imagine.server.serve import serve
from imagine.server.systemd import beat_every, tell
from imagine.settings import Settings
from tests.server.served import PATIENCE, PromptedWorker, add_model

LIGHT = "import imagine.server.serve, imagine.settings, sys; print(*sys.modules)"


def running(settings, act, workers=True):
    """Serves on a free port while `act(urls, stop)` runs; `stop` is the event that ends it."""

    async def go():
        stop, urls = asyncio.Event(), asyncio.get_running_loop().create_future()
        workers_ = [PromptedWorker()] if workers else None
        server = asyncio.ensure_future(serve(settings, workers=workers_, ready=urls.set_result, stop=stop))
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


def test_systemd_is_told(tmp_path):
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(path)
        tell("READY=1", {"NOTIFY_SOCKET": path})
        assert heard.recv(100) == b"READY=1"
    tell("READY=1", {})
    assert beat_every({"WATCHDOG_USEC": "30000000"}) == 15.0
    assert beat_every({}) is None


def test_a_log_line_for_machines_has_fields():
    record = logging.makeLogRecord({"msg": "finished %s", "args": ("x",), "levelname": "INFO", "fields": {"job": "1"}})
    record.created = 0.25
    said = json.loads(JsonLines().format(record))
    assert (said["message"], said["job"], said["level"]) == ("finished x", "1", "info")
    assert said["time"] == "1970-01-01T00:00:00.250+00:00"


def test_the_server_never_imports_torch():
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, check=True, timeout=60)
    assert not {"torch", "diffusers", "transformers", "numpy", "yaml"} & set(done.stdout.split())


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
        assert [line["status"] for line in said] == ["intermediate", "final"]
        assert said[-1]["img"] == alone["img"]

    running(Settings(home=tmp_path, host="127.0.0.1", port=0, device="cpu"), act, workers=False)

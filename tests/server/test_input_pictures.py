"""A real gateway, whose clients send pictures: what costs is refused, nobody waits for another's, nothing stays."""

import asyncio
import base64
import http.client
import io
import json
import signal
import sys
from urllib.parse import urlsplit

import aiohttp
import psutil
import pytest
from PIL import Image

from imagine.pictures.canonical import digest
from imagine.pictures.looking.decoder import Patience
from tests.daemon import FAKE, PATIENCE, Daemon
from tests.server.served import add_model, ask

FLOOD = 10


@pytest.fixture
def daemon(tmp_path):
    add_model(tmp_path / ".imagine", "fox")
    with Daemon(tmp_path, FAKE) as daemon:
        yield daemon


def png(side, seed=0):
    """Of noise, which takes long to read; `seed` makes it another."""
    file = io.BytesIO()
    noise = Image.effect_noise((side, side), 90 + seed)
    Image.merge("RGB", [noise] * 3).save(file, "PNG", compress_level=1)
    return file.getvalue()


def post(daemon, img):
    """The status and the answer."""
    body = json.dumps({"prompt": "x", "img": base64.b64encode(img).decode()})
    connection = http.client.HTTPConnection(urlsplit(daemon.url).netloc, timeout=PATIENCE)
    try:
        connection.request("POST", "/generate", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_a_process_of_its_own_looks_and_dies_with_the_gateway(daemon):
    assert daemon.decoders == []
    assert post(daemon, png(64))[0] == 200
    [decoder] = daemon.decoders
    assert decoder.memory_info().rss < 40 * 2**20
    daemon.process.send_signal(signal.SIGKILL)
    decoder.wait(PATIENCE)


def test_megabytes_of_empty_parts_cost_the_gateway_nothing(daemon):
    assert post(daemon, png(64))[0] == 200
    gateway = psutil.Process(daemon.process.pid)
    before, spent = gateway.memory_info().rss, []

    def posted(img):
        begun = gateway.cpu_times().user
        status, said = post(daemon, img)
        spent.append(gateway.cpu_times().user - begun)
        return status, said

    for evil in (b"\xff\xd8" + b"\xff\xfe\0\2" * 2**21, b"RIFF\0\0\0\0WEBP" + b"abcd\0\0\0\0" * 2**20):
        assert posted(bytes(len(evil)))[0] == 400
        status, said = posted(evil)
        assert status == 400
        assert said["error"].startswith("img is a picture in more than")
    # three times what the bodies themselves take: their base64, the bytes, and a copy on the way
    assert gateway.memory_info().rss - before < 80 * 2**20
    assert sum(spent[1::2]) < 8 * sum(spent[::2]) + 0.2, "no more than what is no picture at all, as far as that shows"


@pytest.mark.skipif(sys.platform != "linux", reason="only there every address of 127.0.0.0/8 is one's own")
def test_a_newcomer_does_not_wait_for_another_s_many_pictures(tmp_path):
    """All have come before the first is looked at, since the process that looks stands still until then."""

    async def act(client):
        decoder, url = client.gateway.decoder, client.server.make_url("/generate")
        decoder._patience = Patience(answer=PATIENCE, idle=PATIENCE)

        async def posted(address, img):
            connector = aiohttp.TCPConnector(local_addr=(address, 0))
            body = {"prompt": "x", "img": base64.b64encode(img).decode()}
            async with aiohttp.ClientSession(connector=connector) as session, session.post(url, json=body) as answer:
                return answer.status

        async def waiting(*counts):
            while sorted(len(queue) for queue in decoder._turns._waiting.values()) != sorted(counts):
                await asyncio.sleep(0.01)

        assert await posted("127.0.0.1", png(64)) == 200
        looking = psutil.Process(decoder.pid)
        looking.suspend()
        asked = [asyncio.create_task(posted("127.0.0.1", png(64, seed))) for seed in range(1, FLOOD + 1)]
        await waiting(FLOOD - 1)
        asked.append(asyncio.create_task(posted("127.0.0.2", newcomer)))
        await waiting(FLOOD - 1, 1)
        looking.resume()
        assert await asyncio.gather(*asked) == [200] * (FLOOD + 1)
        return [known for known, _ in decoder._known]

    newcomer = png(96)
    order = ask(tmp_path, act)
    assert order.index(digest(newcomer)) == 2, "behind what came first, and what was looked at by then"

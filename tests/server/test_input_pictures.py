"""A real gateway, whose clients send pictures: what costs is refused, nobody waits for another's, nothing stays."""

import base64
import http.client
import io
import json
import signal
import sys
import threading
from urllib.parse import urlsplit

import psutil
import pytest
from PIL import Image

from tests.daemon import FAKE, PATIENCE, Daemon
from tests.server.served import add_model

FLOOD, SIDE = 10, 900


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


def post(daemon, img, client="127.0.0.1"):
    """The status and the answer."""
    body = json.dumps({"prompt": "x", "img": base64.b64encode(img).decode()})
    connection = http.client.HTTPConnection(urlsplit(daemon.url).netloc, timeout=120, source_address=(client, 0))
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
    before, spent = gateway.memory_info().rss, gateway.cpu_times().user
    for evil in (b"\xff\xd8" + b"\xff\xfe\0\2" * 2**21, b"RIFF\0\0\0\0WEBP" + b"abcd\0\0\0\0" * 2**20):
        status, said = post(daemon, evil)
        assert status == 400
        assert said["error"].startswith("img is a picture in more than")
    # three times what the bodies themselves take: their base64, the bytes, and a copy on the way
    assert gateway.memory_info().rss - before < 80 * 2**20
    assert gateway.cpu_times().user - spent < 2


@pytest.mark.skipif(sys.platform != "linux", reason="only there every address of 127.0.0.0/8 is one's own")
def test_a_newcomer_does_not_wait_for_another_s_many_pictures(daemon):
    assert post(daemon, png(64))[0] == 200
    statuses, through = [], threading.Event()

    def send(img):
        statuses.append(post(daemon, img)[0])
        through.set()

    large = [png(SIDE, seed) for seed in range(FLOOD)]
    flood = [threading.Thread(target=send, args=[img]) for img in large]
    for thread in flood:
        thread.start()
    through.wait(PATIENCE)
    assert post(daemon, png(64, 1), client="127.0.0.2")[0] == 200
    undone = FLOOD - len(statuses)
    for thread in flood:
        thread.join()
    assert statuses == [200] * FLOOD
    assert undone >= FLOOD // 2

"""Bodies that mean harm, at a server in a process of its own: a clear 400 for each, and its memory stays flat."""

import base64
import struct
import zlib

import psutil
import pytest
import requests

from tests.server.test_generate import HOSTILE
from tests.server.test_properties import TIMEOUT, start

LARGE = 20 * 2**20
GROWTH = 48 * 2**20
"""Bytes that the server may grow by between the first two rounds, in which it takes what it then uses again and again,
and the last: less than three of the large bodies."""
ROUNDS = 6


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, *chunks: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + chunk(b"IEND", b"")


SOUND = png(64, 64, chunk(b"IDAT", zlib.compress(bytes(64 * (1 + 3 * 64)))))
ZEROS = zlib.compress(bytes(LARGE), 9)
HARMLESS = "whose pixels inflate beyond its size"
"""What is too much of it is never inflated, so it is a picture like any other."""
PICTURES = {
    "of 30,000 pixels a side": png(30_000, 30_000, chunk(b"IDAT", ZEROS)),
    HARMLESS: png(64, 64, chunk(b"IDAT", ZEROS * 50)),
    "whose text inflates": png(64, 64, *[chunk(b"zTXt", b"meta\0\0" + ZEROS)] * 50),
    "without pixels": png(64, 64),
    "with a length beyond its end": png(64, 64)[:-12] + struct.pack(">I", 2**31 - 1) + b"IDAT",
    "of many scans": b"\xff\xd8\xff\xc2\x00\x11\x08\x10\x00\x10\x00\x03" + b"\xff\xda\x00\x02" * 10_000 + b"\xff\xd9",
    "of a WebP's head alone": b"RIFF\xff\xff\xff\xffWEBPVP8X\x0a\x00\x00\x00" + b"\xff" * 10,
    "of another format": b"GIF89a" + bytes(1000),
    "of noise": b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4000,
}
LARGE_BODIES = {
    "brackets": b"[" * LARGE,
    "objects": b'{"a":' * (LARGE // 5),
    "a number": b'{"prompt": "a", "seed": ' + b"1" * LARGE + b"}",
    "a text": b'{"prompt": "' + b"a" * LARGE + b'"}',
    "names": b'{"prompt": "a"' + b"".join(b',"%d":1' % number for number in range(200_000)) + b"}",
    "base64 of nothing": b'{"prompt": "a", "img": "' + b"A" * LARGE + b'"}',
    "spaces": b" " * LARGE,
    "half characters": b'{"prompt": "' + rb"\ud800" * (LARGE // 6) + b'"}',
}


def bodies() -> dict[str, bytes]:
    """Everything, by what it is."""
    said = {f"body {number}, {body[:40]!r}": body for number, body in enumerate(HOSTILE)}
    for what, picture in PICTURES.items():
        for field in ("img", "mask"):
            img = f'"img": "{base64.b64encode(SOUND).decode()}", ' if field == "mask" else ""
            said[f"a picture {what}, as {field}"] = (
                f'{{"prompt": "a", {img}"{field}": "{base64.b64encode(picture).decode()}"}}'.encode()
            )
    return said | {f"much of {what}": body for what, body in LARGE_BODIES.items()}


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_no_hostile_body_harms_the_server(tmp_path):
    table = bodies()
    with start(tmp_path) as daemon, requests.Session() as session:
        memory = []
        for _ in range(ROUNDS):
            for what, body in table.items():
                answer = session.post(f"{daemon.url}/generate", data=body, timeout=TIMEOUT)
                if HARMLESS in what:
                    assert answer.status_code == 200, (what, answer.text[:200])
                    continue
                assert answer.status_code == (404 if "vae" in what else 400), (what, answer.text[:200])
                assert next(iter(answer.json())) == "error", what
                assert len(answer.text) < 1000, what
            memory.append(psutil.Process(daemon.process.pid).memory_info().rss)
        assert memory[-1] - max(memory[:2]) < GROWTH, [f"{rss / 2**20:.0f} MiB" for rss in memory]
        assert session.post(f"{daemon.url}/generate", json={"prompt": "a"}, timeout=TIMEOUT).status_code == 200
        assert daemon.stop() == 0
        assert "Traceback" not in "".join(daemon.said)

"""What a picture costs on its way from the worker to HTTP, counted: copies of its bytes, files, lines."""

import asyncio
import json
import os
from types import SimpleNamespace

import pytest

from imagine.server.http.encoding import line_from
from imagine.server.native.replies import final_from_finished
from imagine.server.orders.output import AS_PAINTED
from imagine.server.orders.stages import finish
from imagine.words.events import Finished
from imagine.words.frames import Assembler, encode, report_from_bytes
from tests.counting import files_opened, listed, most_held
from tests.server.served import ask

PICTURE = Finished(job="a", data=os.urandom(2**20), meta={"seed": 1}, timings={})
PIECE = 2**16
"""Bytes that come out of a pipe at once."""


def assembled(frame):
    assembler = Assembler()
    pieces = (frame[start : start + PIECE] for start in range(0, len(frame), PIECE))
    return [body for piece in pieces for body in assembler.feed(piece)]


FRAME = bytes(encode(PICTURE))
(BODY,) = assembled(FRAME)


@pytest.mark.parametrize(
    ("where", "work", "most"),
    [
        ("a frame of it, which grows by halves", lambda: encode(PICTURE), 1.55),
        ("what came of it by the pipe, and all of it", lambda: assembled(FRAME), 2.2),
        ("its report", lambda: report_from_bytes(BODY), 1.05),
        ("a line of JSON: base64, as text, in JSON, with its end", lambda: final_line(), 4.75),
    ],
)  # fmt: skip
def test_a_picture_is_copied_no_more_often_than_it_was(where, work, most):
    work()  # what is made at first use is no copy
    held = most_held(work)[1] / len(PICTURE.data)
    assert held <= most, f"{where} held {held:.2f} times the picture's bytes"


def final_line():
    return line_from(final_from_finished(PICTURE, 3, []))


def test_a_png_goes_through_its_stages_uncopied():
    painted = asyncio.run(finish(SimpleNamespace(), PICTURE, AS_PAINTED))
    assert painted.finished.data is PICTURE.data


def test_a_further_request_opens_no_file_and_waits_for_no_disk(tmp_path):
    async def act(client):
        async def one(seed):
            body = {"prompt": "a fox", "seed": seed, "num_steps": 3, "stream": 1, "progress": True}
            async with client.post("/generate", data=json.dumps(body)) as answer:
                return [json.loads(line) async for line in answer.content]

        client.gateway.clock = lambda: 1e9  # another look isn't due, however long a request takes
        os.utime(tmp_path / "models", (1, 1))  # it didn't change just now, which couldn't be told from a change after
        await one(1)
        with files_opened() as opened:
            lines = await one(2)
        return opened, lines

    opened, lines = ask(tmp_path, act)
    assert not opened, f"opened for one more request:{listed(opened)}"
    assert len(lines) == 2 * 3 + 1, f"lines of a picture of three steps with a preview at each: {lines}"

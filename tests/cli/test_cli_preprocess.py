"""`imagine preprocess`: what it asks for, and where the map goes."""

import base64
import io
import json
from pathlib import Path

import pytest
from PIL import Image

from imagine.words.preprocessors import PREPROCESSORS
from tests.cli.fake_server import FakeServer, png
from tests.cli.test_cli_commands import run

MADE = png((0, 0, 0))


def lines(**more: object) -> list[dict]:
    final = {"img": base64.b64encode(MADE).decode(), "status": "final", "meta": {}, "timings": {}, "warnings": []}
    return [{"status": "progress", "stage": "mapping", "step": 0, "steps": 1, "remaining": None}, final | more]


def test_a_map_is_written_beside_its_picture(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    Path("cat.jpg").write_bytes(png())
    Path("m.png").write_bytes(png((9, 9, 9)))
    server.lines = lines(warnings=["mind that"])
    assert run("preprocess", "cat.jpg", "canny", "--option", "low_threshold=50", "--width", "64") == 0
    said = capsys.readouterr()
    assert (said.out, said.err) == ("cat-canny.png\n", "Warning: mind that\n")
    assert Path("cat-canny.png").read_bytes() == MADE
    img = base64.b64encode(png()).decode()
    wish = {"img": img, "preprocess": "canny", "options": {"low_threshold": 50}, "width": 64, "progress": True}
    assert server.asked == [wish]
    assert run("preprocess", "cat.jpg", "inpaint", "--mask", "m.png", "-o", "here.png", "--json") == 0
    assert [json.loads(line).get("path") for line in capsys.readouterr().out.splitlines()] == [None, "here.png"]
    assert server.asked[-1]["mask"] == base64.b64encode(png((9, 9, 9))).decode()


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["cat.png", "cany"], "is not one of"),
        (["cat.png", "canny", "--option", "50"], "is said as low_threshold=50"),
        (["cat.png", "canny", "--option", "low_threshold=much"], "is said as low_threshold=50"),
        (["cat.png", "canny", "-o", "cat.png"], "it is the picture that is mapped"),
        (["-", "inpaint", "--mask", "-", "-o", "x.png"], "one thing only"),
    ],
)
def test_what_cannot_be_is_said_before_a_server_is_asked(
    server: FakeServer, capsys: pytest.CaptureFixture[str], arguments: list[str], why: str
) -> None:
    Path("cat.png").write_bytes(png())
    assert run("preprocess", *arguments) == 2
    assert why in capsys.readouterr().err
    assert server.asked == []


def test_a_photo_larger_than_a_server_takes_is_sent_smaller(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("L", (5000, 50)).save("wide.png")
    server.lines = lines()
    assert run("preprocess", "wide.png", "canny") == 0
    assert "wide.png is 5000 x 50, larger than the server takes: sent as 4096 x 41" in capsys.readouterr().err
    assert Image.open(io.BytesIO(base64.b64decode(server.asked[0]["img"]))).size == (4096, 41)


def test_its_help_tells_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("preprocess", "--help") == 0
    said = capsys.readouterr().out
    assert all(f"{name}: " in said for name in PREPROCESSORS)
    assert "(low_threshold=100, high_threshold=200)" in said


def test_a_map_that_broke_off_leaves_nothing(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    Path("cat.png").write_bytes(png())
    server.lines = lines()[:1]
    assert run("preprocess", "cat.png", "canny") == 1
    assert "went away" in capsys.readouterr().err
    assert [path.name for path in Path().iterdir()] == ["cat.png"]

"""`imagine run --detach`, `jobs`, `attach` and `result`: what is sent, what is said, what is saved."""

import json
from pathlib import Path

import pytest

from imagine.cli.main import main
from tests.cli.fake_server import FakeServer, picture, png

URL = "http://elsewhere:1/pictures/0-name.png"


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return int(ended.value.code)


def line(status: str, seq: str, **more: object) -> dict:
    return {"status": status, "seq": seq, "index": 0} | more


def final(seq: str) -> dict:
    told = picture(b"") | {"url": URL, "seq": seq, "index": 0}
    del told["img"]
    return told


def test_a_detached_run_prints_the_id_and_waits_for_nothing(
    server: FakeServer, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    server.order["warnings"] = ["steps has no effect"]
    assert run("run", "--detach", "a", "fox", "-n", "9") == 0
    said = capsys.readouterr()
    assert (said.out, said.err) == ("one\n", "Warning: steps has no effect\n")
    assert server.asked == [{"prompt": "a fox", "num_steps": 9}]
    assert list(tmp_path.iterdir()) == []
    assert run("run", "--detach", "--priority", "low", "a fox") == 0
    assert server.asked[1:] == [{"prompt": "a fox", "priority": "low"}]
    capsys.readouterr()
    assert run("run", "--detach", "a fox", "-o", "fox.png") == 2
    assert "--output" in capsys.readouterr().err


def test_jobs_are_listed_with_how_far_they_are(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    half = {"state": "running", "step": 5, "steps": 10}
    for change, told in [
        ({"state": "queued"}, "2 before it"),
        ({"state": "running", "pictures": [half, {"state": "finished"}]}, "step 5 of 10, 1 of 2 done"),
        ({"state": "failed", "error": "out of \x1b[31mmemory"}, "out of \\x1b[31mmemory"),
    ]:
        server.order |= change
        assert run("jobs") == 0
        header, row = capsys.readouterr().out.splitlines()
        assert header.split() == ["ID", "STATE", "CREATED"]
        assert row.startswith("one ")
        assert told in row
    server.order["key"] = "anna"
    assert run("jobs", "--all") == 0
    header, row = capsys.readouterr().out.splitlines()
    assert (header.split()[-1], row.split()[-1]) == ("KEY", "anna")
    assert run("jobs", "--cancel", "one") == 0
    assert (server.unloaded, capsys.readouterr().err) == (["/jobs/one"], "one is taken back\n")


def test_attach_saves_the_picture_and_goes_on_where_the_connection_broke(
    server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.events = [
        [line("snapshot", "e.0.0", state="running"), line("progress", "e.1.0", step=1, steps=2, remaining=1.0)],
        [final("e.2.1"), line("end", "e.2.1.end", state="succeeded")],
    ]
    assert run("attach", "one", "-o", "fox.png") == 0
    assert server.resumed == ["", "e.1.0"]
    assert capsys.readouterr().out == "fox.png\nfox.json\n"
    assert Path("fox.png").read_bytes() == png()
    assert json.loads(Path("fox.json").read_text())["meta"]["prompt"] == "p"


@pytest.mark.parametrize(("state", "status"), [("running", 1), ("succeeded", 0), ("failed", 1)])
def test_result_is_of_what_has_ended(
    server: FakeServer, capsys: pytest.CaptureFixture[str], state: str, status: int
) -> None:
    server.order["state"] = state
    ending = line("end", "e.2.1.end", state=state)
    server.events = [[final("e.2.1"), ending] if state == "succeeded" else [ending | {"error": "no memory"}]]
    assert run("result", "one", "-o", "fox.png") == status
    said = capsys.readouterr()
    assert Path("fox.png").exists() == (status == 0)
    told = {"running": "imagine attach one", "succeeded": "", "failed": "Error: no memory\n"}[state]
    assert told in said.err

"""`imagine presets`, and `imagine run --preset`."""

import json
from pathlib import Path

import pytest

from imagine.cli.main import main
from tests.cli.fake_server import FakeServer


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return int(ended.value.code)


def test_presets_asks_the_server(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.presets.append({"name": "long", "description": "x" * 200, "shipped": True})
    assert run("presets") == 0
    head, first, second = capsys.readouterr().out.splitlines()
    assert head.split() == ["NAME", "DESCRIPTION"]
    assert first == "soft    soft light"
    assert second.endswith("x…")


def test_one_preset_is_shown_whole(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("presets", "soft") == 0
    lines = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert lines == {"name": "soft", "prompt_suffix": "soft light", "neg": "harsh", "shipped": "False"}
    assert run("presets", "soft", "--json") == 0
    assert json.loads(capsys.readouterr().out) == server.presets[0]
    assert run("presets", "--json") == 0
    assert json.loads(capsys.readouterr().out) == server.presets


def test_a_preset_that_is_not_there(server: FakeServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("presets", "none") == 2
    assert capsys.readouterr().err.startswith("Error: preset 'none' doesn't exist")


def test_without_a_server_the_files_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("imagine.cli.reach.running", lambda address: None)
    monkeypatch.setenv("IMAGINE_HOME", str(tmp_path))
    (tmp_path / "presets.yaml").write_text("mine: {prompt_suffix: as I like it}")
    assert run("presets") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split(maxsplit=1) == ["mine", "as I like it"]
    assert any(line.startswith("vivid ") for line in lines)
    (tmp_path / "presets.yaml").write_text("mine: {steps: 0}")
    assert run("presets") == 1
    assert "in preset 'mine', steps is 0" in capsys.readouterr().err


def test_run_sends_the_name(server: FakeServer) -> None:
    assert run("run", "x", "--preset", "soft") == 0
    assert server.asked == [{"prompt": "x", "preset": "soft", "progress": True}]

"""What `imagine serve` says at its start of settings that have no effect."""

import subprocess
import sys
from pathlib import Path

import pytest

from imagine.cli import serve
from imagine.cli.main import main
from imagine.cli.serve import _read
from imagine.processes import offline
from tests.daemon import environment


def test_a_folder_of_models_that_is_not_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    said = {"models": (str(tmp_path / "there"), str(tmp_path / "nonexist"))}
    assert _read(said, None)[1] == [f"there is no folder of models {tmp_path / 'nonexist'}"]
    assert _read({"home": str(tmp_path / "new")}, None)[1] == []


def test_a_server_goes_offline_before_it_begins_where_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[object] = []
    monkeypatch.setattr(offline, "go_offline", lambda names: done.append(list(names)))
    monkeypatch.setattr(serve, "_serve", lambda *_: done.append("served"))
    monkeypatch.setattr(serve.asyncio, "run", lambda _: None)
    monkeypatch.setattr(serve.faulthandler, "enable", lambda _: None)
    given = ["--home", str(tmp_path), "--listen", "box.example:1"]
    for options in (given, [*given, "--offline"]):
        with pytest.raises(SystemExit):
            main(["serve", *options])
    assert done == ["served", ["0.0.0.0", "box.example"], "served"]


WORKER_FIRST = """
import sys
import psutil
from imagine.cli import serve
from imagine.dispatch import process
from imagine.server.http import half

def look():
    [worker] = psutil.Process().children()
    while not (told := worker.cmdline()):  # which is empty for a moment while a process becomes another program
        assert worker.is_running()
    print(sorted(name for name in ("aiohttp", "imagine.server.serve") if name in sys.modules), told[2:])
    raise SystemExit(3)

process.worker_command = lambda: [sys.executable, "-c", "import sys; sys.stdin.buffer.read()"]
half.import_serving_half = look
try:
    serve.command(["--home", sys.argv[1], *sys.argv[2:]])
finally:
    print(psutil.Process().children())
"""


@pytest.mark.parametrize("kind", [(), ("--private",)])
def test_the_worker_begins_before_the_server_is_imported_and_ends_with_it(
    tmp_path: Path, kind: tuple[str, ...]
) -> None:
    seen = environment(tmp_path)
    command = [sys.executable, "-c", WORKER_FIRST, str(tmp_path), *kind]
    done = subprocess.run(command, env=seen, capture_output=True, text=True, timeout=240)
    assert (done.returncode, done.stderr) == (3, "")
    assert done.stdout.splitlines() == ["[] ['import sys; sys.stdin.buffer.read()']", "[]"]

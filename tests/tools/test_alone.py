"""What failed in the crowd and passes by itself is no failure, but is named; what fails by itself stays one."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ONCE = """
from pathlib import Path

def test_once():
    mark = Path(__file__).with_suffix(".seen")
    seen = mark.exists()
    mark.touch()
    assert seen, "in the crowd"
"""


def run(folder, *more):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    plugins = [word for name in ("no:cacheprovider", "xdist", "tests.alone") for word in ("-p", name)]
    command = [sys.executable, "-m", "pytest", "-q", *plugins, "-n", "1", *more]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_an_accident_is_named_and_forgiven(tmp_path):
    (tmp_path / "test_once.py").write_text(ONCE)
    done = run(tmp_path, "--alone", "1")
    assert done.returncode == 0, done.stdout
    assert "PASSED ONLY ALONE (3 times), to be mended" in done.stdout
    assert "test_once.py::test_once (call)" in done.stdout
    assert "AssertionError: in the crowd" in done.stdout
    assert "1 only alone" in done.stdout


def test_what_fails_by_itself_has_failed(tmp_path):
    (tmp_path / "test_once.py").write_text(ONCE)
    (tmp_path / "test_never.py").write_text("def test_never():\n    assert False, 'as ever'\n")
    done = run(tmp_path, "--alone", "2")
    assert done.returncode == 1
    assert "FAILED test_never.py::test_never - AssertionError: as ever" in done.stdout
    assert "FAILED test_once" not in done.stdout
    assert "1 failed, 1 only alone" in done.stdout


def test_many_failures_are_no_accident(tmp_path):
    (tmp_path / "test_once.py").write_text(ONCE)
    (tmp_path / "test_again.py").write_text(ONCE)
    done = run(tmp_path, "--alone", "1")
    assert done.returncode == 1
    assert "2 failed" in done.stdout

"""What goes wrong at each stage of a picture: the worker or the gateway is killed there, or memory or room runs out.

Whoever asked gets one clear sentence, nothing is left behind, and the next picture is made.
"""

import http.client
import json
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest

from tests.daemon import PATIENCE, ROOT, Daemon, arguments_of
from tests.faults.faulty_worker import STAGES

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
WORKER = str(ROOT / "tests/faults/faulty_worker.py")
BODY = {"prompt": "a red house", "model": "toybox", "num_steps": 2, "width": 64, "height": 64, "seed": "5"}


def daemon_with(home: Path, *faults: str) -> Daemon:
    """A server with the shipped model, at whose worker these faults strike."""
    if not (home / "faults").exists():
        (home / "faults").mkdir()
        os.mkfifo(home / "faults/halted")
    serve = str(ROOT / "tests/faults/faulty_serve.py")
    return Daemon(home, [sys.executable, serve, str(home / "faults"), ",".join(faults)])


def draw(daemon: Daemon) -> tuple[int, dict]:
    """The status and the answer of one request."""
    request = urllib.request.Request(f"{daemon.url}/generate", json.dumps(BODY).encode())
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


class Asking:
    """One request that is on its way, whose connection may break."""

    def __init__(self, daemon: Daemon) -> None:
        self._connection = http.client.HTTPConnection(daemon.url.partition("//")[2], timeout=PATIENCE)
        self._connection.request("POST", "/generate", json.dumps(BODY))

    def ended(self) -> tuple[int, dict] | None:
        """The answer, None where the server is gone."""
        try:
            answer = self._connection.getresponse()
            return answer.status, json.load(answer)
        except (OSError, http.client.HTTPException):
            return None
        finally:
            self._connection.close()


def reached(home: Path) -> None:
    """Returns once a worker stands still."""
    assert (home / "faults/halted").read_text() == "here"


def left_over(home: Path) -> list[str]:
    """Temporary files of ours in the home."""
    return [path.name for path in home.rglob("*.tmp")]


def test_a_worker_that_is_killed_at_any_stage_comes_back(tmp_path):
    with daemon_with(tmp_path, *(f"{stage}:halt" for stage in STAGES)) as daemon:
        for number in range(len(STAGES)):
            if number % 2 == 0:  # the first death costs a picture an attempt, and the second was the last
                asking = Asking(daemon)
            reached(tmp_path)
            (worker,) = [child for child in daemon.workers if WORKER in arguments_of(child)]
            worker.kill()
            if number % 2:
                status, told = asking.ended()
                assert (status, told["code"]) == (502, "worker.lost_again")
                assert "SIGKILL" in told["error"]
        if len(STAGES) % 2:
            assert asking.ended()[0] == 200
        assert draw(daemon)[0] == 200
        assert left_over(tmp_path) == []
        assert daemon.stop() == 0


@pytest.mark.parametrize("stage", ["load", "encode"])
def test_a_gateway_that_is_killed_takes_its_worker_along(tmp_path, stage):
    fault = f"{stage}:halt"
    with daemon_with(tmp_path, fault) as daemon:
        asking = Asking(daemon)
        reached(tmp_path)
        workers = daemon.workers
        daemon.kill()
        assert asking.ended() is None
        gone, alive = psutil.wait_procs(workers, PATIENCE)
        assert (len(gone), alive) == (len(workers), [])
        assert left_over(tmp_path) == []
    with daemon_with(tmp_path, fault) as daemon:
        assert draw(daemon)[0] == 200


def test_memory_and_room_that_run_out_at_any_stage_are_told_and_come_back(tmp_path):
    faults = [f"{stage}:{kind}" for stage in STAGES for kind in ("memory", "disk")]
    with daemon_with(tmp_path, *faults) as daemon:
        told = []
        while (answer := draw(daemon))[0] != 200:
            told.append(answer)
            assert len(told) <= len(faults), told
        assert told, "something went wrong, and was told"
        assert {status for status, _ in told} <= {422, 500, 502, 507}
        assert all(answer["error"] and "Traceback" not in answer["error"] for _, answer in told)
        assert len(list((tmp_path / "faults").iterdir())) == len(faults) + 1, "every fault has struck"
        assert draw(daemon)[0] == 200
        assert left_over(tmp_path) == []

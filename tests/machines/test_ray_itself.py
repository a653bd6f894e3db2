"""A real Ray, where it is installed: a head and a machine, at two addresses of this one's loopback."""

import contextlib
import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest

from tests.ports import kept_port

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("ray") is None, reason="Ray isn't installed: pip install 'imagine[cluster]'"
    ),
]
ROOT = Path(__file__).parents[2]
START = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--num-cpus=0", "--num-gpus=0",
         "--object-store-memory=80000000", "--disable-usage-stats"]  # fmt: skip
ENVIRONMENT = os.environ | {
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": "0123456789abcdef" * 2,
    "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", "")]),
}


@contextlib.contextmanager
def started(*arguments):
    """A machine of the cluster, and nothing of it afterwards."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([*START, *arguments], env=ENVIRONMENT, **quiet) as process:
        try:
            yield process
        finally:
            kill_all(process)


def kill_all(process):
    with contextlib.suppress(psutil.NoSuchProcess):
        for each in [*psutil.Process(process.pid).children(recursive=True), process]:
            with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
                each.send_signal(signal.SIGKILL)


@pytest.fixture
def head():
    """The address of a head that asks for a token."""
    with kept_port() as port:
        pass  # which Ray doesn't take while it is kept
    with tempfile.TemporaryDirectory(prefix="r", ignore_cleanup_errors=True) as folder:
        here = [f"--port={port}", "--node-ip-address=127.0.0.1", "--include-dashboard=false", f"--temp-dir={folder}"]
        with started("--head", *here):
            yield f"127.0.0.1:{port}"


def test_a_machine_joins_and_draws_and_is_lost(head):
    command = [sys.executable, str(Path(__file__).with_name("ray_driver.py")), head]
    with subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True) as gateway:
        try:
            with started(f"--address={head}", "--node-ip-address=127.0.0.2", '--resources={"imagine": 1}') as machine:
                assert gateway.stdout.readline() == "[1, 2, 3, 4, 5] Finished\n"
                assert gateway.stdout.readline() == "drawing on 127.0.0.2\n"
                kill_all(machine)
                said = gateway.stdout.read().splitlines()  # Ray prints there, too, that a machine is gone
                assert [line for line in said if line in ("WorkerLost", "gone")] == ["WorkerLost", "gone"]
                assert gateway.wait() == 0
        finally:
            gateway.kill()

"""Workers, servers and runs that are killed or interrupted: nothing half done, a clear word, and the next run works."""

import pytest

from tests.daemon import FAKE
from tests.killing import Rig, interrupt, strike
from tests.server.served import add_model

SERVER = [*FAKE, "--worker", "process"]
STEPS = 60
LINES = 2 * STEPS + 2
"""Loading, each step and the picture after it, and the finished picture."""


@pytest.fixture
def rig(tmp_path):
    add_model(tmp_path / ".imagine", "fox")
    with Rig(tmp_path, SERVER, ["slow", "-n", str(STEPS)], struck=["endless", "-n", str(STEPS)]) as rig:
        yield rig


@pytest.mark.slow
@pytest.mark.parametrize("at", ["worker", "server"])
def test_a_killed_worker_or_server_leaves_nothing_half_done(rig, at):
    """`bench/kills.py` does it fifty times, with a real worker."""
    assert all(strike(rig, at, LINES) for _ in range(2))


def test_ctrl_c_takes_the_job_back_and_leaves_nothing(rig):
    ended = rig.run(5, interrupt)
    assert ended.status == 130
    assert ended.errors.strip() == "cancelled"
    assert rig.check_files() == 0
    while rig.ask("/health")["running"]:
        continue
    assert b'error="Cancelled"} 1.0' in rig.ask("/metrics")

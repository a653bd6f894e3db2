"""A host of the fake engine, which Ray starts on its machines: they import this from the folder of tests."""

import sys
from pathlib import Path

from imagine.machines.ray.host import DeviceHost
from tests.machines.near_cluster import ListedFiles

FAKE = [sys.executable, str(Path(__file__).parents[1] / "worker/painting_worker.py")]


class FakeHost(DeviceHost):
    """Has the one file that the fake engine's jobs name."""

    def __init__(self, version, kind):
        super().__init__(version, kind, command=FAKE, inventory=ListedFiles("0" * 64))

"""One systemd for all tests of the service, with Imagine installed by the commands that docs/systemd.md shows."""

import os
import re
import sys
from pathlib import Path

import pytest

from tests.daemon import ROOT
from tests.ports import kept_port
from tests.server.served import add_model
from tests.systemd.machine import CHECKOUT, PYTHON, Machine, missing
from tests.systemd.service import COMMAND, HOME, Service

BLOCKS = re.findall(r"^```sh\n(.*?)^```", (ROOT / "docs/systemd.md").read_text(), re.DOTALL | re.MULTILINE)
"""The page's commands: for the machine, a model, for one user, …"""
LATER = ("enable", "status", "loginctl", "--user")
"""What is left to the tests: to start it, and what needs a login."""


@pytest.fixture(scope="session")
def machine(tmp_path_factory):
    """A machine with the units, their user, and models that are only headers."""
    if why := missing():
        if os.environ.get("IMAGINE_TEST_SYSTEMD") == "required":
            pytest.fail(f"the tests of the service are required, but {why}")
        pytest.skip(why)
    with Machine(tmp_path_factory.mktemp("machine") / "room") as machine:
        program = f'#!/bin/sh\nPYTHONPATH={CHECKOUT}/src exec {PYTHON} -m imagine "$@"\n'
        machine.write("/download/imagine", program)
        machine.path("/download/systemd").symlink_to(f"{CHECKOUT}/systemd")
        machine.run("install", "-D", "/download/imagine", "/root/.local/bin/imagine")
        for block in (BLOCKS[0], BLOCKS[2]):
            machine.run("sh", "-euc", f"cd /download\n{_to_install(block)}", HOME="/root")
        add_model(machine.path(HOME), "fox")
        machine.write("/etc/systemd/system/imagine.service.d/homes.conf", f"[Service]\n{_homes()}")
        yield machine


@pytest.fixture
def service(machine):
    """Imagine, not yet started, with a worker that needs no model; stopped and as new after the test."""
    with kept_port() as port:
        service = Service(machine, port)
        service.say(f"Environment=PYTHONPATH={CHECKOUT}/src\nRestartSec=500ms\n")
        service.say(f"ExecStart=\nExecStart={COMMAND}\n")
        yield service
        service.forget()


def _to_install(block: str) -> str:
    lines = [line for line in block.splitlines() if not any(word in line.partition("#")[0] for word in LATER)]
    assert any("imagine.service" in line for line in lines), block
    return re.sub(r"^sudo ", "", "\n".join(lines), flags=re.MULTILINE)


def _homes() -> str:
    """Lets the service see the interpreter that this one's environment is of, where that lies in somebody's home."""
    base = Path(sys.base_prefix).resolve()
    homes = [Path("/root"), Path("/home"), Path("/run/user")]
    return f"ProtectHome=tmpfs\nBindReadOnlyPaths={base}\n" if any(home in base.parents for home in homes) else ""

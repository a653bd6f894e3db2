"""One systemd for all tests of the service, with Imagine installed as docs/systemd.md says."""

import os
import socket
import sys
from pathlib import Path

import pytest

from tests.daemon import ROOT
from tests.server.served import add_model
from tests.systemd.machine import Machine, missing
from tests.systemd.service import HOME, Service

UNITS = ROOT / "systemd"


@pytest.fixture(scope="session")
def machine(tmp_path_factory):
    """A machine with the units, their user, and models that are only headers."""
    if why := missing():
        if os.environ.get("IMAGINE_TEST_SYSTEMD") == "required":
            pytest.fail(f"the tests of the service are required, but {why}")
        pytest.skip(why)
    with Machine(tmp_path_factory.mktemp("machine") / "room") as machine:
        machine.write("/etc/systemd/system/imagine.service", (UNITS / "imagine.service").read_text())
        machine.write("/etc/systemd/user/imagine.service", (UNITS / "user/imagine.service").read_text())
        machine.write("/usr/lib/sysusers.d/imagine.conf", (UNITS / "imagine.sysusers.conf").read_text())
        machine.run("systemd-sysusers")
        for program in ("/usr/local/bin/imagine", "/root/.local/bin/imagine"):
            machine.write(program, f'#!/bin/sh\nexec {sys.executable} -m imagine "$@"\n')
            machine.path(program).chmod(0o755)
        add_model(machine.path(HOME), "fox")
        machine.write("/etc/systemd/system/imagine.service.d/homes.conf", f"[Service]\n{_homes()}")
        machine.run("chown", "-R", "imagine:imagine", HOME)
        yield machine


@pytest.fixture
def service(machine):
    """Imagine, not yet started, with a worker that needs no model; stopped and as new after the test."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    service = Service(machine, port)
    service.say(f"ExecStart=\nExecStart={sys.executable} {ROOT / 'tests/systemd/serve.py'}\n")
    yield service
    service.forget()


def _homes() -> str:
    """Lets the service see this interpreter and these sources, where they lie in a home that it would not see."""
    needed = {Path(place).resolve() for place in (ROOT, sys.prefix, sys.base_prefix)}
    homes = [Path("/root"), Path("/home"), Path("/run/user")]
    hidden = [str(place) for place in sorted(needed) if any(home in place.parents for home in homes)]
    return f"ProtectHome=tmpfs\nBindReadOnlyPaths={' '.join(hidden)}\n" if hidden else ""

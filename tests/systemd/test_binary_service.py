"""The built binary as a service, behind all fences and with nothing unpacked yet: `make binary-test`."""

import shutil

import pytest

from tests.daemon import BINARY
from tests.systemd.service import CACHE, HOME

pytestmark = [pytest.mark.slow, pytest.mark.skipif(BINARY is None, reason="no binary is named by IMAGINE_BINARY")]


def test_the_binary_is_ready_at_once_and_unpacks_into_its_cache(service):
    machine = service.machine
    shutil.copy(BINARY, machine.path("/usr/local/bin/packed"))
    service.say("ProtectHome=yes\nBindReadOnlyPaths=\nExecStart=\nExecStart=/usr/local/bin/packed serve --device cpu\n")
    service.start()
    assert service.status_of("/health") == 200, "systemd takes the word of the process that it started"
    picture = service.picture(model="toybox", prompt="a red circle", num_steps=4, width=64, height=64)
    assert picture.get("status") == "final", picture
    unpacked = [path.name for path in machine.path(f"{CACHE}/imagine/runtime").iterdir()]
    assert len(unpacked) == 1
    service.control("restart")
    assert service.picture(model="toybox", num_steps=4, width=64, height=64).get("status") == "final"
    assert not list((machine.path(HOME)).glob(".cache")), "it unpacks where what can be made anew belongs"
    assert sum("unpacked in" in line for _, line in service.journal) == 1

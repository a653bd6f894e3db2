"""A socket has one owner: who ends leaves another's alone, who comes waits, and who lost it knows."""

import asyncio
import socket
import stat
import sys

import pytest

from imagine.server.own_socket import OwnSocket
from imagine.words.errors import ImagineError
from tests.daemon import PATIENCE, ROOT, Daemon

PAINTING = [sys.executable, str(ROOT / "tests/systemd/serve.py")]
"""The command itself, with a worker that needs no model."""


def another_at(path):
    """What a server of a release that takes no lock does: it takes the path away."""
    path.unlink(missing_ok=True)
    other = socket.socket(socket.AF_UNIX)
    other.bind(str(path))
    return other


def test_it_is_this_users_and_gone_when_given_back(tmp_path):
    path = tmp_path / "s"
    own = OwnSocket(path)
    with asyncio.run(own.claim()):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert not own.lost
    own.give_back()
    assert list(tmp_path.iterdir()) == [], "nor its lock"
    own.give_back()


def test_who_lost_it_takes_nothing_away(tmp_path):
    path = tmp_path / "s"
    own = OwnSocket(path)
    with asyncio.run(own.claim()), another_at(path):
        assert own.lost
        asyncio.run(own.until_lost())
        own.give_back()
        assert path.is_socket(), "it is another's by now"


def test_who_comes_waits_for_the_last_owner_to_end(tmp_path):
    path = tmp_path / "s"

    async def act():
        first, second = OwnSocket(path), OwnSocket(path)
        listening = await first.claim()
        waiting = asyncio.create_task(second.claim())
        listening.close()  # it ends, and isn't gone yet
        await asyncio.sleep(0)
        assert not waiting.done()
        first.give_back()
        with await waiting:
            assert not second.lost
        second.give_back()

    asyncio.run(act())


@pytest.mark.parametrize("locked", [True, False])
def test_one_that_answers_is_not_pushed_aside(tmp_path, locked):
    path = tmp_path / "s"
    first = OwnSocket(path)
    with asyncio.run(first.claim()) if locked else another_at(path) as listening:
        listening.listen()
        with pytest.raises(ImagineError, match="another server listens"):
            asyncio.run(OwnSocket(path).claim())
        assert path.is_socket()
    first.give_back()


def test_one_that_does_not_end_is_told_of(tmp_path):
    first = OwnSocket(tmp_path / "s")
    with asyncio.run(first.claim()), pytest.raises(ImagineError, match="does not end"):
        asyncio.run(OwnSocket(tmp_path / "s").claim(patience=0))
    first.give_back()


@pytest.mark.parametrize("gone", ["socket", "folder"])
def test_a_server_that_nobody_can_reach_ends(tmp_path, gone):
    folder = tmp_path / "run"
    folder.mkdir()
    path = folder / "s"
    with Daemon(tmp_path, PAINTING, "--socket", str(path)) as daemon:
        if gone == "socket":
            path.unlink()
        else:
            for file in folder.iterdir():
                file.unlink()
            folder.rmdir()
        assert daemon.process.wait(PATIENCE) == 0

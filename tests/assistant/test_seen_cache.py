"""What pictures show is remembered for a while, within bounds, in a file of the user's alone; nothing depends on it."""

import sqlite3
import stat

from imagine.assistant import seen_cache
from imagine.assistant.description import PictureDescription
from imagine.assistant.seen_cache import KEPT, SeenCache
from tests.assistant.fake_models import Now

HOUSE, CAR = PictureDescription(style="a house"), PictureDescription(style="a car")


def test_it_is_remembered_over_a_restart_and_for_thirty_days(tmp_path):
    now, file = Now(1e9), tmp_path / "state/assistant.sqlite"
    first = SeenCache(file, now)
    assert first.get("a") is None
    first.put("a", HOUSE)
    first.put("a", CAR)
    first.close()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    again = SeenCache(file, now)
    now.seconds += KEPT - 1
    assert (again.get("a"), again.get("b")) == (CAR, None)
    now.seconds += 2
    assert again.get("a") is None
    again.close()


def test_the_oldest_go_first(tmp_path, monkeypatch):
    monkeypatch.setattr(seen_cache, "MOST", 2)
    now = Now(1e9)
    cache = SeenCache(tmp_path / "seen.sqlite", now)
    for name in "abc":
        now.seconds += 1
        cache.put(name, HOUSE)
    assert [cache.get(name) for name in "abc"] == [None, HOUSE, HOUSE]
    cache.close()


def test_a_broken_file_is_as_none(tmp_path):
    file = tmp_path / "seen.sqlite"
    file.write_bytes(b"no database at all" * 100)
    cache = SeenCache(file)
    cache.put("a", HOUSE)
    assert cache.get("a") is None
    folder = SeenCache(tmp_path)
    folder.put("a", HOUSE)
    assert folder.get("a") is None


def test_while_another_writes_it_does_without_and_not_for_good(tmp_path):
    file = tmp_path / "seen.sqlite"
    cache = SeenCache(file)
    cache.put("a", HOUSE)
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    cache.put("b", CAR)
    other.execute("COMMIT")
    assert (cache.get("a"), cache.get("b")) == (HOUSE, None)
    cache.put("b", CAR)
    assert cache.get("b") == CAR
    other.close()
    cache.close()


def test_another_that_mends_the_file_is_one_that_writes(tmp_path, monkeypatch):
    def recovers(*_, **__):
        error = sqlite3.OperationalError("database is locked")
        error.sqlite_errorcode = sqlite3.SQLITE_BUSY_RECOVERY
        raise error

    cache = SeenCache(tmp_path / "seen.sqlite")
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(sqlite3, "connect", recovers)
        cache.put("a", HOUSE)
    cache.put("b", CAR)
    assert (cache.get("a"), cache.get("b")) == (None, CAR)
    cache.close()

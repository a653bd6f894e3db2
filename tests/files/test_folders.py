"""Folders of our own: private under any umask, and swept of what a killed process has left."""

import os
import stat
import time

import pytest

from imagine.files.folders import make_own, sweep


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_a_folder_and_those_above_it_are_this_users(tmp_path, umask):
    before = os.umask(umask)
    try:
        made = make_own(tmp_path / "home/cache/deep")
    finally:
        os.umask(before)
    for folder in (made, made.parent, made.parent.parent):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_one_that_is_there_stays_as_it_is(tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o755)
    make_own(shared / "own")
    assert stat.S_IMODE(shared.stat().st_mode) == 0o755


def test_what_was_abandoned_goes_and_nothing_else(tmp_path):
    old = time.time() - 7200
    kept = [".imagine-new.tmp", ".imagine-old.old", "imagine-x.tmp", "models.json"]
    gone = [".imagine-old.tmp", ".models.json.77.tmp"]
    for name in (*kept, *gone):
        (tmp_path / name).touch()
        if name != ".imagine-new.tmp":
            os.utime(tmp_path / name, (old, old))
    assert sweep(tmp_path) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(kept)
    assert sweep(tmp_path / "not there") == 0

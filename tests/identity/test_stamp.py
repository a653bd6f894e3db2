"""Stamps: whatever makes another file of what lies at a path is seen without opening it."""

import os

import pytest

from imagine.identity.stamp import stamp_of, unchanged


@pytest.fixture
def files(tmp_path):
    """Two files of one size and time."""
    made = [tmp_path / "a", tmp_path / "b"]
    for path in made:
        path.write_bytes(path.name.encode() * 10)
        os.utime(path, ns=(10**18, 10**18))
    return made


def swap(one, other):
    parked = one.with_name("parked")
    one.rename(parked)
    other.rename(one)
    parked.rename(other)


CHANGES = {
    "swapped by renaming": lambda one, other: swap(one, other),
    "replaced by renaming": lambda one, other: other.rename(one),
    "overwritten in place": lambda one, other: one.open("r+b").close() or os.utime(one, ns=(10**18, 10**18 + 1)),
    "shortened": lambda one, other: os.truncate(one, 3),
    "gone": lambda one, other: one.unlink(),
    "a folder": lambda one, other: (one.unlink(), one.mkdir()),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_another_file_has_another_stamp(files, change):
    stamps = [stamp_of(files[0])]
    assert unchanged(stamps)
    change(*files)
    assert not unchanged(stamps)


def test_the_same_file_keeps_its_stamp(files):
    stamps = [stamp_of(path) for path in files]
    files[0].chmod(0o600)
    os.link(files[0], files[0].with_name("another name"))
    assert unchanged(stamps)

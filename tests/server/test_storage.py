"""Stored pictures: whom they are for, how long they stay, and how they are served."""

import asyncio
import os
import re
import stat

import pytest

from imagine.server.gateway.storage import PictureStore, StoredPicture
from imagine.words.errors import ImagineError
from tests.server.served import ask

HOUR = 3600.0
NAME = re.compile(r"[0-9a-f]{1,12}-[A-Za-z0-9_-]{32}\.png")


class Clock:
    def __init__(self, now=1_000_000.0):
        self.now = now

    def __call__(self):
        return self.now


def store(folder, clock=None, *, keep=HOUR, most=1000):
    return PictureStore(folder / "data" / "pictures", keep=keep, most=most, clock=clock or Clock())


def test_a_picture_is_this_users_alone_and_its_name_no_guess(tmp_path):
    pictures = store(tmp_path)
    before = os.umask(0)
    try:
        names = {pictures.write(b"x", "png") for _ in range(20)}
    finally:
        os.umask(before)
    assert len(names) == 20
    assert all(NAME.fullmatch(name) for name in names)
    assert stat.S_IMODE(pictures.folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in pictures.folder.iterdir()} == {0o600}


def test_a_picture_goes_when_its_time_is_over(tmp_path):
    clock = Clock()
    pictures = store(tmp_path, clock)
    name = pictures.write(b"x", "png")
    clock.now += HOUR
    assert pictures.find(name).path.read_bytes() == b"x"
    clock.now += 2
    assert pictures.find(name) is None
    assert [path.name for path in pictures.folder.iterdir()] == [name]
    pictures.sweep()
    assert list(pictures.folder.iterdir()) == []


def test_a_restart_forgets_neither_the_picture_nor_its_end(tmp_path):
    clock = Clock()
    name = store(tmp_path, clock).write(b"x", "webp")
    again = store(tmp_path, clock, keep=10 * HOUR)
    assert again.find(name).size == 1
    clock.now += HOUR + 2
    assert again.find(name) is None


def test_for_ever_is_for_ever(tmp_path):
    clock = Clock()
    pictures = store(tmp_path, clock, keep=-1)
    name = pictures.write(b"x", "png")
    clock.now += 1e9
    pictures.sweep()
    assert pictures.find(name) is not None


def test_the_oldest_go_where_there_is_no_room(tmp_path):
    pictures = store(tmp_path, most=250)
    names = []
    for age in (3, 2, 1):
        names.append(pictures.write(b"x" * 100, "png"))
        os.utime(pictures.folder / names[-1], (1_000_000 - age, 1_000_000 - age))
    assert [pictures.find(name) is not None for name in names] == [False, True, True]
    assert pictures.find(pictures.write(b"x" * 240, "png")) is not None
    assert not any(pictures.find(name) for name in names)


def test_what_is_not_ours_is_neither_served_nor_removed(tmp_path):
    pictures = store(tmp_path, most=10)
    kept = pictures.write(b"x", "png")
    other = pictures.folder / "notes.txt"
    other.write_text("mine")
    link = pictures.folder / f"0-{'a' * 32}.png"
    link.symlink_to(other)
    for name in ("notes.txt", link.name, "..", "", f"../pictures/{kept}", f"{kept}\n", "0-" + "b" * 32 + ".png"):
        assert pictures.find(name) is None, name
    pictures.write(b"y" * 10, "png")
    assert other.read_text() == "mine"
    assert pictures.find(kept) is None


def test_a_folder_that_can_not_be_made_is_told(tmp_path):
    (tmp_path / "data").write_text("a file")
    with pytest.raises(ImagineError, match="can't keep the picture for a URL: not a directory"):
        store(tmp_path).write(b"x", "png")


def test_what_is_due_goes_by_itself(tmp_path):
    async def go():
        pictures = PictureStore(tmp_path / "pictures", keep=0, most=100)
        pictures.start()
        await pictures.keep(b"x", "png")
        async with asyncio.timeout(120):
            while any(pictures.folder.iterdir()):
                await asyncio.sleep(0.05)
        pictures.stop()

    asyncio.run(go())


def test_a_stored_picture_is_served_in_parts_without_a_key_and_never_listed(tmp_path):
    async def act(client):
        name = await client.gateway.stored.keep(b"0123456789", "webp")
        async with client.get(f"/pictures/{name}") as answer:
            assert (answer.status, await answer.read()) == (200, b"0123456789")
            assert answer.headers["Content-Type"] == "image/webp"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Accept-Ranges"] == "bytes"
        async with client.get(f"/pictures/{name}", headers={"Range": "bytes=2-4"}) as answer:
            assert (answer.status, await answer.read()) == (206, b"234")
            assert answer.headers["Content-Range"] == "bytes 2-4/10"
        async with client.get(f"/pictures/{name}", headers={"Range": "bytes=20-"}) as answer:
            assert answer.status == 416
        async with client.head(f"/pictures/{name}") as answer:
            assert (answer.status, answer.headers["Content-Length"]) == (200, "10")
        for path in ("/pictures/", "/pictures", f"/pictures/{name[:-5]}.png", "/pictures/..%2f..%2fetc%2fpasswd"):
            async with client.get(path, headers={"Authorization": "Bearer k"}) as answer:
                assert answer.status == 404, path
        async with client.get("/models") as answer:
            assert answer.status == 401

    ask(tmp_path, act, api_key="k", pictures=tmp_path / "pictures")


def test_the_folder_is_looked_through_once_for_many_pictures_and_after_a_restart(tmp_path, monkeypatch):
    looks = []
    scanned = PictureStore._all
    monkeypatch.setattr(PictureStore, "_all", lambda self: looks.append(self) or scanned(self))
    pictures = store(tmp_path, most=1600)
    for _ in range(16):
        pictures.write(b"x" * 100, "png")
    assert len(looks) == 1
    pictures.write(b"x" * 100, "png")  # there is no room: a sixteenth and what comes is made free
    assert (len(looks), len(list(pictures.folder.iterdir()))) == (2, 15)
    pictures.write(b"x" * 100, "png")
    assert len(looks) == 2
    pictures.remove(next(pictures.folder.iterdir()).name)
    pictures.write(b"x" * 100, "png")
    assert (len(looks), len(list(pictures.folder.iterdir()))) == (2, 16)

    def removed_twice(self, path):
        monkeypatch.undo()
        self.remove(path.name)
        return StoredPicture(path, 0, 100, 0.0)

    monkeypatch.setattr(PictureStore, "_stored_at", removed_twice)
    pictures.remove(next(pictures.folder.iterdir()).name)
    for _ in range(2):
        pictures.write(b"x" * 100, "png")
    assert sum(path.stat().st_size for path in pictures.folder.iterdir()) <= 1600
    again = store(tmp_path, most=1600)
    again.write(b"x" * 100, "png")
    assert sum(path.stat().st_size for path in again.folder.iterdir()) <= 1600

"""A file comes whole or not at all, however its site misbehaves, and goes on where it stopped."""

import asyncio
import errno
import hashlib
import itertools
import random

import pytest

from imagine.library.connection import is_public
from imagine.library.download import download
from imagine.library.offer import RemoteFile
from imagine.library.partial import Partial, done_of
from imagine.words.errors import DownloadFailed
from tests.library.fake_sites import TOKEN, FakeSites, weights

DATA = weights()
SIZE = len(DATA)


def remote(fake, data=DATA, path="fox.safetensors", **said):
    fake.repositories.setdefault("owner/fox", {})[path] = data
    known = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()} | said
    return RemoteFile(site="hub", url=f"{fake.hub}/owner/fox/resolve/main/{path}", name=path, **known)


def ask(act, **said):
    """Runs `act(fake, connection)` beside a fake hub."""

    async def go():
        async with FakeSites() as fake, fake.connection(**said) as connection, asyncio.timeout(240):
            return await act(fake, connection)

    return asyncio.run(go())


def fetched(folder, trouble=lambda fake: None, data=DATA, *, known=None, **said):
    """What is asked of the store while a file comes here, which is then what it should be."""

    async def act(fake, connection):
        trouble(fake)
        target, news = folder / "fox.safetensors", []
        digest = await download(
            connection, remote(fake, data, **(known or {})), target, lambda *told: news.append(told)
        )
        assert target.read_bytes() == data
        assert digest == hashlib.sha256(data).hexdigest()
        assert [path.name for path in folder.iterdir()] == ["fox.safetensors"], "nothing is left beside it"
        assert max(done for what, done, _ in news if what == "pulling") == len(data)
        return fake

    return ask(act, **said)


def refused(folder, trouble=lambda fake: None, data=DATA, *, known=None, **said):
    """Why it can't be had; nothing has its name."""

    async def act(fake, connection):
        trouble(fake)
        with pytest.raises(DownloadFailed) as why:
            await download(connection, remote(fake, data, **(known or {})), folder / "fox.safetensors", lambda *_: None)
        assert not (folder / "fox.safetensors").exists()
        return why.value.note

    return ask(act, **said)


def setting(**troubles):
    return lambda fake: fake.__dict__.update({name: list(each) if isinstance(each, tuple) else each
                                              for name, each in troubles.items()})  # fmt: skip


@pytest.mark.parametrize(
    "troubles",
    [
        {},
        {"ranges": False},
        {"cuts": (None, 1000, 70_000, 0, 5, None, 90_000)},
        {"ranges": False, "cuts": (None, 200_000, 5)},
        {"statuses": (403, None, 403)},
        {"statuses": (503, 429, None, 500, None, 429)},
        {"adds": (0, 700)},
        {"bodies": (None, None), "leads": (None, None)},
        {"spoils": (None, True, True, True, True)},
    ],
    ids=["well", "no ranges", "cut", "cut without ranges", "expired", "busy", "short", "none", "spoilt once"],
)  # fmt: skip
def test_it_comes_whole(tmp_path, troubles):
    fake = fetched(tmp_path, setting(**troubles))
    ranges = {asked[2] for asked in fake.asked if asked[0] == "store"}
    assert len(ranges) >= (5 if fake.ranges else 2), "it comes in parts"


def test_the_owners_key_goes_to_nobody_else(tmp_path):
    fake = fetched(tmp_path)
    assert {asked[3] for asked in fake.asked if asked[0] == "hub"} == {f"Bearer {TOKEN}"}
    assert {asked[3] for asked in fake.asked if asked[0] == "store"} == {""}


def test_what_a_site_doesnt_say_is_found_out(tmp_path):
    fetched(tmp_path, known={"size": 0, "sha256": ""})


@pytest.mark.parametrize(
    ("troubles", "code"),
    [
        ({"bodies": (("text/html", b"<html>please log in"),) * 9}, "pull.page"),
        ({"bodies": (("application/json", b'{"error": "you have to be logged in"}'),) * 9}, "pull.page"),
        ({"gated": {"owner/fox"}}, "pull.gated"),
        ({"statuses": (404,) * 9}, "pull.not_found"),
        ({"statuses": (403,) * 99}, "pull.expired"),
        ({"statuses": (503,) * 99}, "pull.status"),
        ({"cuts": (None, *(0,) * 99)}, "pull.broken"),
        ({"spoils": (True,) * 99}, "pull.digest"),
        ({"leads": ("http://127.0.0.2:1/x",) * 9}, "pull.elsewhere"),
        ({"leads": ("https://example.org/x",) * 9}, "pull.elsewhere"),
        ({"leads": ("https://[::1",) * 9}, "pull.elsewhere"),
        ({"leads": ("https://huggingface.co:99999/",) * 9}, "pull.elsewhere"),
    ],
)  # fmt: skip
def test_why_it_cant_be_had_is_told(tmp_path, troubles, code):
    assert refused(tmp_path, setting(**troubles)).code == code


def test_a_hub_that_lies_about_a_size_is_found_out(tmp_path):
    assert refused(tmp_path, known={"size": SIZE + 1}).code == "pull.size"


def test_what_is_no_weights_is_thrown_away(tmp_path):
    assert refused(tmp_path, data=b"not a safetensors file at all" * 100).code == "pull.damaged"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.8", "169.254.169.254", "::1", "fd00::1", "::ffff:10.0.0.1", "::ffff:0:10.0.0.1",
        "64:ff9b:1::a00:1", "5f00::1",
    ],
)  # fmt: skip
def test_private_addresses_are_private(address):
    assert not is_public(address)


def test_a_redirect_to_a_private_address_is_not_followed(tmp_path):
    note = refused(tmp_path, public=is_public)
    assert (note.code, note.values["other"]) == ("pull.private", "127.0.0.1")

    def by_name(fake):  # its port is another than the owner's own endpoint has
        fake.leads = [fake.store.replace("127.0.0.1", "private.localhost") + "/owner/fox/fox.safetensors"] * 9

    async def act(fake, connection):
        by_name(fake)
        hub = connection.sites.hub._replace(hosts=("private.localhost",))
        connection.sites = connection.sites._replace(hub=hub)
        with pytest.raises(DownloadFailed) as why:
            await download(connection, remote(fake), tmp_path / "fox.safetensors", lambda *_: None)
        assert "store" not in {asked[0] for asked in fake.asked}
        return why.value.note

    assert ask(act, public=is_public).code in ("pull.private", "pull.broken")


def test_offline_nobody_is_asked(tmp_path):
    assert refused(tmp_path, offline=True).code == "pull.offline"


def test_who_sends_nothing_is_asked_again(tmp_path):
    def trouble(fake):
        fake.cuts, fake.stalls = [None, 10], [None, True]

    fetched(tmp_path, trouble, stall=0.2, tries=1000)


def test_a_full_disk_keeps_what_came(tmp_path, monkeypatch):
    fill, room = Partial.fill, iter(range(3))

    def full(self, piece, data):
        if next(room, None) is None:
            raise OSError(errno.ENOSPC, "No space left on device")
        fill(self, piece, data)

    async def act(fake, connection):
        fake.cuts = [None, *[40_000] * 9]
        monkeypatch.setattr(Partial, "fill", full)
        with pytest.raises(OSError, match="No space left"):
            await download(connection, remote(fake), tmp_path / "fox.safetensors", lambda *_: None)
        monkeypatch.setattr(Partial, "fill", fill)

    ask(act)
    assert not (tmp_path / "fox.safetensors").exists()
    fake = fetched(tmp_path)
    assert fake.sent == 2 * SIZE - 120_000, "what came before is not asked for again"


def kill_at(folder, count):
    """A download that ends when the store has sent so many bytes, as if its process had been killed."""

    async def act(fake, connection):
        fake.cuts, fake.stalls = [None, *[count // 4] * 4], [None, *[True] * 4]
        target = folder / "fox.safetensors"
        task = asyncio.create_task(download(connection, remote(fake), target, lambda *_: None))
        while fake.sent < SIZE + count // 4 * 4 and not task.done():
            fake.sending.clear()
            waiting = asyncio.create_task(fake.sending.wait())
            await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
        task.cancel()
        await asyncio.wait([task])
        assert not target.exists()

    ask(act)


@pytest.mark.parametrize("seed", range(4))
def test_after_a_kill_it_goes_on(tmp_path, seed):
    for count in random.Random(seed).choices(range(SIZE // 2), k=2):
        kill_at(tmp_path, count)
    fetched(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_after_thirty_kills_it_goes_on(tmp_path, seed):
    for count in random.Random(100 + seed).choices(range(SIZE // 4), k=3):
        kill_at(tmp_path, count)
    fetched(tmp_path)


def test_what_is_noted_is_not_asked_for_again(tmp_path):
    async def act(fake, connection):
        bounds = [SIZE * number // 4 for number in range(5)]
        fake.stops = {f"bytes={start}-{end - 1}": 100_000 for start, end in itertools.pairwise(bounds)}
        fake.cuts = [None, *[0] * 40]
        with pytest.raises(DownloadFailed):
            await download(connection, remote(fake), tmp_path / "fox.safetensors", lambda *_: None)
        assert done_of(tmp_path / "fox.safetensors") == (400_000, SIZE)

    ask(act)
    fake = fetched(tmp_path)
    starts = sorted(int(asked[2][6:].partition("-")[0]) for asked in fake.asked if asked[0] == "store")
    assert starts[1:] == [100_000 + SIZE * n // 4 for n in range(4)]


def test_two_who_want_the_same_share_it(tmp_path):
    async def act(fake, connection):
        file, target, seen = remote(fake), tmp_path / "fox.safetensors", []
        fake.stalls = [None, True]
        first = asyncio.create_task(download(connection, file, target, lambda *_: None))
        await fake.sending.wait()
        second = asyncio.create_task(download(connection, file, target, lambda *told: seen.append(told)))
        while not seen:
            await asyncio.sleep(0)
        fake.release.set()
        digests = await asyncio.gather(first, second)
        assert target.read_bytes() == DATA
        assert sorted(map(bool, digests)) == [False, True]
        assert fake.sent == 2 * SIZE, "it was sent once, and its beginning"

    ask(act)


def test_who_waits_takes_over_from_who_gives_up(tmp_path):
    async def act(fake, connection):
        file, target, seen = remote(fake), tmp_path / "fox.safetensors", []
        fake.stalls = [None, True, True, True, True]
        first = asyncio.create_task(download(connection, file, target, lambda *_: None))
        await fake.sending.wait()
        second = asyncio.create_task(download(connection, file, target, lambda *told: seen.append(told)))
        while not seen:
            await asyncio.sleep(0)
        first.cancel()
        fake.release.set()
        assert await second == file.sha256
        assert target.read_bytes() == DATA

    ask(act)

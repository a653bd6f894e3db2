"""Files that a machine lacks, brought from the gateway: what comes, is refused, stops and goes on, and who lies."""

import asyncio
import contextlib
import hashlib
import os
import shutil
from pathlib import Path

import msgspec
import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from imagine.identity.stamp import stamp_of
from imagine.identity.whole import digests_of_file
from imagine.library.manners import Cutting, Manners, Persistence
from imagine.machines.lending import PATH, Lender
from imagine.machines.lent import Lent, LentFile, members_of, places_of
from imagine.machines.ray.fetching import Fetcher, FetchRoom, most_from
from imagine.registry.registry import Registry
from imagine.server.gateway.gateway import component_from
from imagine.words.errors import DownloadFailed, ImagineError, UnusableModel
from imagine.words.frames import FrameError
from imagine.words.model import Component
from tests.machines.peering import changed
from tests.registry import declared

CAT = Path("models.example/loras/toybox-cat.safetensors")
OUTLINE = CAT.with_name("toybox-outline.safetensors")
TICKET = "t" * 43
GIGA = 10**9


async def nothing(_):
    pass


HASTY = Manners(Persistence(tries=2, pause=nothing), Cutting(4, 100_000), 30.0)
ROOMY = FetchRoom(GIGA, spare=0)


async def sha256_of(stamp):
    return (digests_of_file(stamp) or [""])[0]


@pytest.fixture
def cat(tmp_path):
    """A LoRA on the gateway, as jobs name it."""
    shutil.copy(CAT, (tmp_path / "gateway").mkdir() or tmp_path / "gateway/cat.safetensors")
    return of_registry(tmp_path / "gateway")


def of_registry(folder):
    registry = Registry([folder])
    registry.refresh()
    (entry,) = registry.files()
    return component_from("adapter", registry.with_digest(entry))


@contextlib.asynccontextmanager
async def lending(**said):
    lender = Lender(sha256_of, **said)
    await lender.open("127.0.0.1")
    try:
        yield lender
    finally:
        await lender.close()


def fetched(tmp_path, room=ROOMY, **said):
    return Fetcher(tmp_path / "home/fetched", room, manners=HASTY, **said)


def found(fetcher):
    """What there is, by digest: all that anybody finds."""
    registry = Registry([fetcher.folder])
    registry.refresh()
    return {registry.with_digest(entry).digest for entry in registry.files()}


def test_a_file_comes_in_stretches_is_checked_and_named_by_what_it_is(tmp_path, cat):
    async def go():
        fetcher, told = fetched(tmp_path), []
        async with lending() as lender:
            lent = await lender.lend(cat)
            await asyncio.gather(*(fetcher.fetch(lent, told.append) for _ in range(3)))
            assert found(fetcher) == {cat.digest}
            (file,) = (fetcher.folder / cat.digest).iterdir()
            assert file.read_bytes() == CAT.read_bytes()
            assert told[0] == 0
            assert told == sorted(told)
            assert told[-1] == CAT.stat().st_size
            assert not [each for each in (fetcher.folder / ".coming").iterdir() if each.name != "turn"]

    asyncio.run(go())


def test_a_model_in_pieces_comes_whole_and_no_name_of_it_crosses(tmp_path):
    for number in (1, 2):
        declared.write(tmp_path / f"gateway/secret-name-{number:05}-of-00002.safetensors", {f"a{number}": (4, 4)})
    shapes = list(declared.tiny().items())
    for number, half in ((1, shapes[::2]), (2, shapes[1::2])):
        declared.write(tmp_path / f"gateway/secret-name-{number:05}-of-00002.safetensors", dict(half))
    whole = of_registry(tmp_path / "gateway")

    async def go():
        async with lending() as lender:
            lent = await lender.lend(whole)
            assert b"secret" not in msgspec.msgpack.encode(lent)
            fetcher = fetched(tmp_path)
            await fetcher.fetch(lent, lambda _: None)
            assert found(fetcher) == {whole.digest}

    asyncio.run(go())


def test_a_ticket_opens_one_file_while_it_is_lent_and_is_the_only_way_in(tmp_path, cat):
    now = [0.0]

    async def go():
        async with lending(clock=lambda: now[0]) as lender, ClientSession() as session:
            lent = await lender.lend(cat)

            async def status(ticket, **headers):
                headers = {"Authorization": f"Bearer {ticket}"} | headers if ticket else headers
                async with session.get(lent.at + PATH, headers=headers) as answer:
                    return answer.status, await answer.read()

            ticket = lent.files[0].ticket
            assert await status(ticket, Range="bytes=0-7") == (206, CAT.read_bytes()[:8])
            assert [(await status(other))[0] for other in ("", TICKET)] == [404, 404]
            async with session.get(lent.at + "/models") as answer:
                assert answer.status == 404
            now[0] = 10**6
            assert (await status(ticket))[0] == 404
            now[0] = 0.0
            lender.take_back(lent)
            assert (await status(ticket))[0] == 404
            lent = await lender.lend(cat)
            os.utime(cat.path, (1, 1))
            assert (await status(lent.files[0].ticket))[0] == 404, "it is another by now"
            with pytest.raises(UnusableModel):
                await lender.lend(cat)

    asyncio.run(go())


@contextlib.asynccontextmanager
async def lying(answer):
    """A gateway that answers so."""
    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    server = TestServer(app)
    await server.start_server()
    try:
        yield str(server.make_url("")).rstrip("/")
    finally:
        await server.close()


def said(at, cat, **more):
    data = CAT.read_bytes()
    file = LentFile(more.pop("size", len(data)), more.pop("sha256", hashlib.sha256(data).hexdigest()), TICKET)
    return Lent(**{"digest": cat.digest, "format": "safetensors", "at": at, "files": (file,)} | more)


async def wrong_bytes(request):
    return web.Response(body=bytes(CAT.stat().st_size))


async def endless(request):
    answer = web.StreamResponse(headers={"Content-Range": f"bytes 0-9/{CAT.stat().st_size}"})
    answer.set_status(206)
    await answer.prepare(request)
    with contextlib.suppress(ConnectionError):
        while True:
            await answer.write(CAT.read_bytes())
    return answer


async def longer(request):
    return web.Response(body=CAT.read_bytes() + b"x")


async def shorter(request):
    return web.Response(body=CAT.read_bytes()[:-1])


async def redirect(request):
    raise web.HTTPFound("http://127.0.0.2:1/models")


async def page(request):
    return web.Response(text="<html>", content_type="text/html")


async def packed(request):
    return web.Response(body=CAT.read_bytes(), headers={"Content-Encoding": "gzip"})


async def nobody(request):
    request.transport.abort()
    return web.Response()


LIES = {
    "wrong bytes": (wrong_bytes, "pull.digest"),
    "bytes without end": (endless, "pull.size"),
    "longer": (longer, "pull.size"),
    "shorter": (shorter, "pull.size"),
    "a redirect": (redirect, "pull.private"),
    "a page": (page, "pull.page"),
    "packed": (packed, "pull.packed"),
    "gone": (nobody, "pull.broken"),
}


@pytest.mark.parametrize("lie", LIES)
def test_what_is_not_what_was_said_gets_no_name(tmp_path, cat, lie):
    answer, code = LIES[lie]

    async def go():
        fetcher = fetched(tmp_path)
        async with lying(answer) as at:
            with pytest.raises(DownloadFailed) as failed:
                await fetcher.fetch(said(at, cat), lambda _: None)
        assert failed.value.note.code == code
        assert found(fetcher) == set()
        assert sorted(path.name for path in fetcher.folder.iterdir()) == [".coming"]

    asyncio.run(go())


@pytest.mark.parametrize(
    "content",
    [
        lambda: CAT.read_bytes()[:1000],
        lambda: b"MZ" * 500,
        lambda: OUTLINE.read_bytes(),
    ],
    ids=["a part", "a program", "another model"],
)
def test_bytes_with_the_digest_that_was_said_are_still_to_be_what_jobs_name(tmp_path, cat, content):
    data = content()

    async def answer(request):
        return web.Response(body=data)

    async def go():
        fetcher = fetched(tmp_path)
        async with lying(answer) as at:
            lent = said(at, cat, size=len(data), sha256=hashlib.sha256(data).hexdigest())
            with pytest.raises(DownloadFailed) as failed:
                await fetcher.fetch(lent, lambda _: None)
        assert failed.value.note.code in ("pull.damaged", "fetch.other")
        assert found(fetcher) == set()
        left = [path for path in fetcher.folder.rglob("*") if path.is_file() and path.stat().st_size]
        assert left == [], "it was thrown away"

    asyncio.run(go())


def test_a_fetch_that_stopped_goes_on_where_it_was(tmp_path, cat):
    whole, asked = CAT.read_bytes(), []

    async def half(request):
        asked.append(request.http_range)
        at = request.http_range
        answer = web.StreamResponse(headers={"Content-Range": f"bytes {at.start}-{at.stop - 1}/{len(whole)}"})
        answer.set_status(206)
        answer.content_length = at.stop - at.start
        await answer.prepare(request)
        await answer.write(whole[at.start : (at.start + at.stop) // 2])
        request.transport.close()
        return answer

    async def go():
        fetcher = fetched(tmp_path)
        async with lying(half) as at:
            with pytest.raises(DownloadFailed):
                await fetcher.fetch(said(at, cat), lambda _: None)
        asked.clear()
        (notes,) = fetcher.folder.rglob("*.json")
        there = sum(done for _, _, done in msgspec.json.decode(notes.read_bytes())["stretches"])
        assert 0 < there < len(whole)
        async with lending() as lender:
            told = []
            await fetcher.fetch(await lender.lend(cat), told.append)
        assert told[0] == there
        assert found(fetcher) == {cat.digest}

    asyncio.run(go())


def test_whoever_is_slower_than_anybody_may_be_is_given_up(tmp_path, cat):
    async def never(request):
        await asyncio.Event().wait()

    async def go():
        fetcher = fetched(tmp_path, seconds=lambda _: 0.05)
        async with lying(never) as at:
            with pytest.raises(DownloadFailed) as failed:
                await fetcher.fetch(said(at, cat), lambda _: None)
        assert failed.value.note.code == "fetch.slow"

    asyncio.run(go())


def test_a_full_disk_and_the_owners_limit_keep_it_out(tmp_path, cat):
    size = CAT.stat().st_size
    rooms = {
        "fetch.off": FetchRoom(0, spare=0),
        "fetch.larger": FetchRoom(size - 1, spare=0),
        "fetch.no_room": FetchRoom(GIGA, spare=size, free=lambda _: 2 * size - 1),
    }

    async def go():
        async with lending() as lender:
            lent = await lender.lend(cat)
            for code, room in rooms.items():
                fetcher = fetched(tmp_path, room)
                with pytest.raises(DownloadFailed) as failed:
                    await fetcher.fetch(lent, lambda _: None)
                assert failed.value.note.code == code
                assert not list(tmp_path.glob("home/fetched/*/*.safetensors*"))

    asyncio.run(go())


def test_what_no_job_has_taken_for_an_hour_goes_first_and_what_is_in_use_never(tmp_path, cat):
    size, now = CAT.stat().st_size, [0.0]
    second = shutil.copytree(tmp_path / "gateway", tmp_path / "second")
    shutil.copy(OUTLINE, second / "cat.safetensors")
    outline = of_registry(second)

    async def go():
        fetcher = fetched(tmp_path, FetchRoom(size * 3 // 2, spare=0), wall=lambda: now[0])
        async with lending() as lender:
            await fetcher.fetch(await lender.lend(cat), lambda _: None)
            folder = fetcher.folder / cat.digest
            now[0] = folder.stat().st_mtime + 60
            with pytest.raises(DownloadFailed) as failed:
                await fetcher.fetch(await lender.lend(outline), lambda _: None)
            assert "is in use" in str(failed.value)
            os.utime(folder, (0, 0))
            (file,) = folder.iterdir()
            assert fetcher.used(changed(cat, path=str(file)))
            with pytest.raises(DownloadFailed):
                await fetcher.fetch(await lender.lend(outline), lambda _: None)
            os.utime(folder, (0, 0))
            await fetcher.fetch(await lender.lend(outline), lambda _: None)
            assert found(fetcher) == {outline.digest}
            assert not fetcher.used(changed(cat, path=str(file))), "it went"

    asyncio.run(go())


def test_nothing_goes_for_what_there_is_no_room_for_all_the_same(tmp_path, cat):
    shutil.copy(OUTLINE, (tmp_path / "second").mkdir() or tmp_path / "second/outline.safetensors")

    async def go():
        fetcher = fetched(tmp_path)
        async with lending() as lender:
            await fetcher.fetch(await lender.lend(cat), lambda _: None)
            os.utime(fetcher.folder / cat.digest, (0, 0))
            fetcher = fetched(tmp_path, FetchRoom(GIGA, spare=GIGA, free=lambda _: 0))
            with pytest.raises(DownloadFailed):
                await fetcher.fetch(await lender.lend(of_registry(tmp_path / "second")), lambda _: None)
            assert found(fetcher) == {cat.digest}

    asyncio.run(go())


def test_what_came_and_was_damaged_since_comes_again(tmp_path, cat):
    async def go():
        fetcher = fetched(tmp_path)
        async with lending() as lender:
            await fetcher.fetch(await lender.lend(cat), lambda _: None)
            (file,) = (fetcher.folder / cat.digest).iterdir()
            file.write_bytes(b"")
            await fetcher.fetch(await lender.lend(cat), lambda _: None)
        assert found(fetcher) == {cat.digest}

    asyncio.run(go())


def test_files_of_other_folders_are_never_touched(tmp_path, cat):
    own = tmp_path / "own.safetensors"
    own.write_bytes(b"")
    os.utime(tmp_path, (1, 1))
    fetched(tmp_path).used(changed(cat, path=str(own)))
    assert tmp_path.stat().st_mtime == 1


FILE = LentFile(10, "a" * 64, TICKET)
FOLDER = [changed(FILE, member="model_index.json"), changed(FILE, member="unet/model.safetensors")]
GOOD = Lent(digest="b" * 64, format="safetensors", at="http://10.0.0.1:80", files=(FILE,))


def test_files_get_names_of_this_machine():
    assert [str(each) for each in places_of(GOOD)] == [f"{'b' * 16}.safetensors"]
    assert [str(each) for each in places_of(changed(GOOD, format="gguf"))] == [f"{'b' * 16}.gguf"]
    pieces = places_of(changed(GOOD, files=(FILE, FILE)))
    assert [str(each) for each in pieces] == [f"{'b' * 16}-0000{number}-of-00002.safetensors" for number in (1, 2)]
    folder = changed(GOOD, format="diffusers", files=tuple(FOLDER))
    assert [str(each) for each in places_of(folder)] == ["model_index.json", "unet/model.safetensors"]


@pytest.mark.parametrize(
    "member",
    ["../x.json", "/etc/x.json", "a/../../x.json", "a/b/c.json", "unet/x.bin", "unet/x.py", "x.safetensors", "",
     ".hidden/x.json", "unet/.json", "unet\\x.json", "unet/x\n.json", "UNET/MODEL.safetensors", "C:/x.json"],
)  # fmt: skip
def test_no_member_of_a_folder_leads_anywhere_else(member):
    with pytest.raises(FrameError):
        places_of(changed(GOOD, format="diffusers", files=(*FOLDER, changed(FILE, member=member))))


@pytest.mark.parametrize(
    "fields",
    [
        {"digest": "../../etc"},
        {"digest": "B" * 64},
        {"at": "https://example.org"},
        {"at": "http://metadata.internal:80"},
        {"at": "http://10.0.0.1:80/x?"},
        {"at": "file:///etc/passwd"},
        {"files": ()},
        {"files": (FILE,) * 513},
        {"files": (changed(FILE, size=-1),)},
        {"files": (changed(FILE, sha256="x"),)},
        {"files": (changed(FILE, ticket="short"),)},
        {"format": "diffusers"},
    ],
)
def test_what_nobody_lends_is_refused(fields):
    with pytest.raises(FrameError):
        places_of(changed(GOOD, **fields))


def test_of_a_component_only_what_it_is_read_of_is_lent(tmp_path):
    for name in ("a.safetensors", "a.yaml", "unet.bin", "x.json"):
        (tmp_path / name).write_bytes(b"")
    stamps = tuple(stamp_of(tmp_path / name) for name in ("a.safetensors", "a.yaml", "unet.bin", "x.json"))
    single = Component(role="vae", path=str(tmp_path / "a.safetensors"), files=stamps[:2])
    assert [file.member for file in members_of(single)] == [""]
    folder = Component(role="vae", path=str(tmp_path), files=stamps, format="diffusers")
    assert [file.member for file in members_of(folder)] == ["a.safetensors", "a.yaml", "x.json"]


def test_the_owner_says_how_much_may_be_fetched():
    assert most_from({}) == 100 * GIGA
    assert most_from({"IMAGINE_FETCH": "0"}) == 0
    assert most_from({"IMAGINE_FETCH": "'1.5'"}) == GIGA * 3 // 2
    for wrong in ("many", "-1", "nan", "inf"):
        with pytest.raises(ImagineError, match="must be a number of GB"):
            most_from({"IMAGINE_FETCH": wrong})

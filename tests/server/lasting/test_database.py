"""The book's file: opened when it is used, taken over from older releases, held by one server."""

import asyncio
import stat

import pytest

from imagine.server.lasting.book import OPEN, LastingBook
from imagine.server.lasting.database import Database
from imagine.server.lasting.rows import (
    KeyedBy,
    OrderAbout,
    PackedJobs,
    PictureAsked,
    Webhook,
    bytes_of,
    packed,
    unpacked,
)  # fmt: skip
from imagine.server.lasting.schema import STEPS
from imagine.words.errors import Busy, ImagineError
from imagine.words.frames import Submit
from imagine.words.model import Component, ControlUse, Model
from imagine.words.recipe import GenerationParams

PARAMS = GenerationParams(
    prompt="a fox", model="fox", digest="", seed=7, width=64, height=64, sampler="euler", num_steps=2, guidance=1.0
)
ABOUT = OrderAbout(key=None, pictures=[PictureAsked(job="j", params=PARAMS)])


def asked(path, work, steps=STEPS):
    """What `work(book)` returns, of the book at a path that is closed again."""

    async def go():
        database = Database(path, steps)
        try:
            return await work(LastingBook(database))
        finally:
            await database.close()

    return asyncio.run(go())


async def put(book, keyed=None, inputs=None):
    return await book.put("id", "ann", "c", 1.0, ABOUT, PackedJobs(b"", inputs or {}), keyed)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_book_of_an_older_release_is_taken_over_with_its_orders(tmp_path, steps):
    path = tmp_path / "orders" / "orders.sqlite"
    row = ("id", "ann", "c", OPEN, 7.5, 1, 0, bytes_of(ABOUT))

    names = "id, owner, client, state, created, pictures, bytes, about"

    async def put_then(book):
        await book._database.run(
            lambda old: old.execute(f"INSERT INTO orders ({names}) VALUES (?,?,?,?,?,?,?,?)", row).rowcount
        )

    asked(path, put_then, STEPS[:steps])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600

    async def look(book):
        row = await book.get("id")
        return row.state, row.about, (row.priority, row.turn), await book.keyed("ann", "/jobs", "k")

    assert asked(path, look) == (OPEN, ABOUT, ("normal", 7.5), None)


def test_a_book_of_a_newer_release_is_left_alone(tmp_path):
    path = tmp_path / "orders.sqlite"
    asked(path, put, (*STEPS, "CREATE TABLE tomorrow (x TEXT) STRICT"))
    before = path.read_bytes()
    with pytest.raises(ImagineError, match="newer release"):
        asked(path, lambda book: book.get("id"))
    assert path.read_bytes() == before


def test_what_is_no_book_is_said_and_left_alone(tmp_path):
    path = tmp_path / "orders.sqlite"
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(ImagineError, match="not a database"):
        asked(path, lambda book: book.get("id"))
    assert path.read_bytes() == b"no database" * 1000


def test_a_second_server_of_one_home_is_refused_until_the_first_is_gone(tmp_path):
    async def work(first):
        await put(first)
        second = Database(tmp_path / "orders.sqlite")
        try:
            with pytest.raises(Busy, match="another server"):
                await LastingBook(second).get("id")
        finally:
            await second.close()

    asked(tmp_path / "orders.sqlite", work)
    assert asked(tmp_path / "orders.sqlite", lambda book: book.get("id")) is not None


def test_an_order_ends_once_and_what_it_came_with_goes_then(tmp_path):
    async def work(book):
        number = await put(book, KeyedBy("/jobs", "k", b"f"), {b"d": b"x" * 100})
        assert (await book.plan(number)).inputs == {b"d": b"x" * 100}
        states = [await book.end(number, state, None, 2.0, 10.0) for state in ("cancelled", "failed", "succeeded")]
        row = await book.get("id")
        assert await book.keyed("ann", "/jobs", "k") == ("id", b"f")
        return states, row.state, row.expires, await book.plan(number), (await book.waiting("ann")).bytes

    assert asked(tmp_path / "o.sqlite", work) == (["cancelled"] * 3, "cancelled", 12.0, None, 0)


def test_who_moves_ones_own_passes_nobody_else_and_positions_are_places_in_the_line(tmp_path):
    async def work(book):
        for number, owner in enumerate("aabcababcc", 1):
            await book.put(f"id {number}", owner, "c", float(number), ABOUT, PackedJobs(b"", {}), None)
        await book.move({7: -100.0}, 7, "high")
        in_hand = {3: "b"}
        line = await book.line(in_hand)
        positions = [await book.ahead(number, in_hand) for number in [*line, 3, 99]]
        begun = []
        while (upcoming := await book.next(in_hand)) is not None:
            in_hand[upcoming.number] = upcoming.owner
            begun.append(upcoming.number)
        return line, positions, begun

    line, positions, begun = asked(tmp_path / "o.sqlite", work)
    assert line == begun == [4, 7, 1, 6, 9, 2, 8, 10, 5]
    assert positions == [*range(len(line)), None, None]


def test_jobs_are_read_as_they_were_written_and_their_pictures_once():
    main = Component(role="checkpoint", path="/fox.safetensors", digest="d")
    use = ControlUse(kind="controlnet", component=main, image=b"map" * 100)
    model = Model(name="fox", family="sd1", components=(main,))
    jobs = [
        Submit(job=f"j{n}", client="c", params=PARAMS, model=model, controls=(use,), img=b"map" * 100, mask=b"short")
        for n in range(2)
    ]
    plan = packed(jobs)
    assert list(plan.inputs.values()) == [b"map" * 100]
    assert unpacked(plan.jobs, plan.inputs) == jobs


def test_what_is_accepted_survives_a_power_cut_and_what_is_forgotten_is_overwritten(tmp_path):
    async def pragmas(book):
        def work(connection):
            return [
                connection.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("synchronous", "journal_mode", "secure_delete")
            ]

        return await book._database.run(work)

    assert asked(tmp_path / "book.sqlite", pragmas) == [2, "wal", 1]


def test_nothing_is_told_to_begin_behind_its_end(tmp_path):
    async def work(book):
        hook = Webhook("https://shop.example/", "https://shop.example:443", ("started", "end"), "imagine", "http://us")
        number = await book.put("id", "ann", "c", 1.0, ABOUT, PackedJobs(b"", {}), None, hook)
        await book.end(number, "cancelled", None, 10.0, 5.0)
        await book.began(number, 11.0)
        return [each.happened.event for each in (await book.get("id")).called.deliveries]

    assert asked(tmp_path / "book.sqlite", work) == ["end"]


def test_an_order_s_webhook_and_its_messages_go_when_it_expires(tmp_path):
    async def work(book):
        hook = Webhook("https://shop.example/?token=t", "https://shop.example:443", ("end",), "imagine", "http://us")
        number = await book.put("id", "ann", "c", 1.0, ABOUT, PackedJobs(b"", {}), None, hook)
        await book.end(number, "failed", None, 10.0, 5.0)
        (message,) = (await book.get("id")).called.deliveries
        assert (message.happened, message.state, message.due) == (("end", -1, 10.0), "waiting", 10.0)
        await book.end(number, "cancelled", None, 11.0, 5.0)
        assert len((await book.get("id")).called.deliveries) == 1
        await book.forget_old(15.0, 5.0)
        row = await book.get("id")
        assert (row.state, row.called, await book.deliveries.next(99.0, [], [])) == ("expired", None, None)

    asked(tmp_path / "book.sqlite", work)
    assert b"token=t" not in b"".join(path.read_bytes() for path in tmp_path.glob("book.sqlite*"))

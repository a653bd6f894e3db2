"""What an order's log holds, and for whom."""

import asyncio
import contextlib

import pytest

from imagine.messages import in_english
from imagine.server.orders.event_log import MOST_BYTES, MOST_EVENTS, EventLog
from imagine.words.errors import OutOfMemory
from imagine.words.events import Finished, Loading, Preview, Progress, Queued

PREVIEW = bytes(100_000)


def step(number, of=1000):
    return Progress(job="j", step=number, steps=of)


def preview(number):
    return Preview(job="j", step=number, steps=1000, data=PREVIEW)


def picture(size=3):
    return Finished(job="j", data=bytes(size), meta={}, timings={})


async def rest(log, since=0):
    return [(event.number, event.index, event.report) async for event in log.read(since)]


async def started(*readers):
    """Tasks that have come to wait for what happens."""
    tasks = [asyncio.ensure_future(reader) for reader in readers]
    await asyncio.sleep(0)
    return tasks


@pytest.mark.parametrize("keeps", [True, False])
def test_everybody_who_reads_has_every_event_by_its_number(keeps):
    happened = [Queued(job="j", position=1), Loading(job="j", model="m"), step(1), preview(1), step(2), picture()]

    async def go():
        log = EventLog(keeps=keeps)
        readers = await started(rest(log), rest(log), rest(log, since=4))
        for report in happened:
            log.add(0, report)
        log.end()
        numbered = [(number, 0, report) for number, report in enumerate(happened, 1)]
        assert await asyncio.gather(*readers) == [numbered, numbered, numbered[4:]]

    asyncio.run(go())


def test_who_comes_later_gets_what_still_holds():
    """The last place, step and preview of a picture in the making; of one that is done, the picture."""

    async def go():
        log = EventLog(keeps=True)
        for number in range(1, 50):
            log.add(0, step(number))
            log.add(0, preview(number))
        assert len(log) == 2
        log.add(1, step(7))
        log.add(0, picture())
        log.end()
        assert await rest(log) == await rest(log) == [(99, 1, step(7)), (100, 0, picture())]
        assert await rest(log, since=99) == [(100, 0, picture())]
        assert await rest(log, since=100) == []

    asyncio.run(go())


def test_what_was_read_goes_but_a_picture_that_somebody_may_come_for():
    async def go(keeps):
        log = EventLog(keeps=keeps)
        quick, slow = log.read(), log.read()
        log.add(0, preview(1))
        await anext(quick)
        await anext(slow)
        log.add(0, preview(2))
        log.add(0, picture(5000))
        await anext(quick)
        await anext(quick)
        assert log.held_bytes == len(PREVIEW) + 5000, "one of two hasn't read them"
        await anext(slow)
        await anext(slow)
        return log.held_bytes

    assert asyncio.run(go(keeps=False)) == 0
    assert asyncio.run(go(keeps=True)) == 5000


def test_a_reader_that_left_holds_nothing_back():
    async def go():
        log = EventLog(keeps=True)
        left = log.read()
        log.add(0, preview(1))
        await anext(left)
        for number in range(2, 9):
            log.add(0, preview(number))
        assert log.held_bytes == 7 * len(PREVIEW)
        await left.aclose()
        log.add(0, preview(9))
        assert log.held_bytes == len(PREVIEW)

    asyncio.run(go())


@pytest.mark.parametrize("pictures", [1, 4])
def test_a_slow_reader_costs_so_much_and_no_more_and_misses_no_end(pictures):
    """A connection that takes nothing while pictures are made with a preview after every step."""

    async def go():
        log = EventLog(pictures, keeps=False)
        slow = log.read()
        log.add(0, step(0))
        await anext(slow)
        most = 0
        for number in range(1, 1000 * pictures):
            log.add(number % pictures, step(number))
            log.add(number % pictures, preview(number))
            most = max(most, log.held_bytes)
            assert len(log) <= MOST_EVENTS * pictures
        for index in range(pictures):
            log.add(index, picture())
        log.end()
        assert MOST_BYTES * pictures - len(PREVIEW) < most <= MOST_BYTES * pictures
        events = [event async for event in slow]
        numbers = [event.number for event in events]
        assert numbers == sorted(numbers)
        assert [event.index for event in events if isinstance(event.report, Finished)] == list(range(pictures))

    asyncio.run(go())


def test_what_went_wrong_is_raised_to_each_reader_after_what_came_before():
    async def read(log):
        seen = []
        try:
            async for event in log.read():
                seen.append(event.number)  # noqa: PERF401 - those before a failure must be known
        except OutOfMemory as error:
            return seen, error

    async def go():
        log = EventLog(keeps=True)
        readers = await started(read(log), read(log))
        log.add(0, step(1))
        log.end(lambda: OutOfMemory(in_english("too large")))
        log.add(0, step(2))
        (seen, one), (_, other) = await asyncio.gather(*readers)
        late, _ = await read(log)
        assert seen == late == [1]
        assert one is not other, "a dialect may lay it to a field of its own"

    asyncio.run(go())


@pytest.mark.parametrize("keeps", [True, False])
def test_of_a_picture_that_is_not_to_be_shown_no_preview_is_left(keeps):
    async def go():
        log = EventLog(2, keeps=keeps)
        for index in (0, 1):
            log.add(index, step(1))
            log.add(index, preview(1))
        log.withhold(0)
        log.end(lambda: OutOfMemory(in_english("not to be shown")))
        assert log.held_bytes == len(PREVIEW)
        seen = []
        with contextlib.suppress(OutOfMemory):
            async for event in log.read():
                seen.append((event.index, type(event.report)))  # noqa: PERF401 - what comes before the error counts
        assert (1, Preview) in seen
        assert (0, Preview) not in seen

    asyncio.run(go())

"""Who goes next, and what a slow reader keeps."""

import asyncio
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagine.dispatch.buffer import Buffer
from imagine.dispatch.queue import FairQueue
from imagine.messages import in_english
from imagine.words.events import Failed, Finished, Loading, Preview, Progress, Queued


def filled(*items):
    queue = FairQueue()
    for item in items:
        queue.push(item[0], item)
    return queue


def emptied(queue):
    return [queue.take() for _ in range(len(queue))]


def test_clients_take_turns_whoever_sent_more():
    queue = filled("a1", "a2", "a3", "b1", "c1", "b2")
    assert list(queue) == ["a1", "b1", "c1", "a2", "b2", "a3"]
    assert emptied(queue) == ["a1", "b1", "c1", "a2", "b2", "a3"]
    assert queue.take() is None


def test_a_newcomer_waits_for_one_job_of_each_client_at_most():
    queue = filled(*(f"a{number}" for number in range(100)), "b1")
    queue.take()
    queue.push("c", "c1")
    assert list(queue).index("c1") <= 2


def test_a_client_that_may_not_is_passed_over_and_keeps_its_turn():
    queue = filled("a1", "a2", "b1")
    assert queue.take(lambda client: client != "a") == "b1"
    assert queue.take(lambda client: client != "a") is None
    assert emptied(queue) == ["a1", "a2"]


def test_what_is_put_back_is_next():
    queue = filled("a1", "a2", "b1")
    queue.put_back("a", queue.take())
    assert emptied(queue) == ["a1", "b1", "a2"]
    queue.put_back("a", "a1")
    assert list(queue) == ["a1"]


def test_removing_needs_something_to_remove():
    queue = filled("a1", "a2", "b1")
    queue.remove("a", "a1")
    assert list(queue) == ["a2", "b1"]
    for client in "az":
        with pytest.raises(ValueError):
            queue.remove(client, "a1")
    assert len(queue) == 2


@given(st.lists(st.tuples(st.sampled_from(["push", "take", "remove", "back"]), st.sampled_from("abc"))))
def test_the_order_told_is_the_order_taken_and_nothing_is_lost(acts):
    queue, number, model = FairQueue(), 0, {client: deque() for client in "abc"}
    for act, client in acts:
        if act == "push":
            number += 1
            queue.push(client, (client, number))
            model[client].append((client, number))
        elif act == "remove" and model[client]:
            queue.remove(client, model[client].pop())
        elif len(queue):
            told = next(iter(queue))
            taken = queue.take()
            assert taken == told == model[taken[0]].popleft()
            if act == "back":
                queue.put_back(taken[0], taken)
                model[taken[0]].appendleft(taken)
                assert next(iter(queue)) == taken
        assert len(queue) == sum(map(len, model.values()))
    told = list(queue)
    assert emptied(queue) == told
    assert queue._clients == {}


def progress(step):
    return Progress(job="1", step=step, steps=99)


def preview(step, size=10):
    return Preview(job="1", step=step, steps=99, data=bytes(size))


FINISHED = Finished(job="1", data=b"png", meta={}, timings={})
FAILED = Failed(job="1", error="Cancelled", message=in_english(""))


def kept(*events, **limits):
    async def go():
        buffer = Buffer(**limits)
        for event in events:
            buffer.put(event)
        seen = []
        while buffer._events:
            seen.append(await buffer.get())
        assert buffer._bytes == 0
        if buffer.ended:
            assert await buffer.get() is None
        return seen

    return asyncio.run(go())


def test_the_oldest_progress_and_previews_are_dropped_and_pictures_never():
    assert kept(progress(1), preview(1), progress(2), preview(2), FINISHED, most=2) == [preview(2), FINISHED]
    assert kept(progress(1), FINISHED, most=1) == [FINISHED]
    assert kept(Loading(job="1", model="m"), progress(1), FAILED, most=2) == [progress(1), FAILED]


def test_previews_are_bounded_in_bytes_but_the_newest_is_kept_whatever_its_size():
    assert kept(preview(1), progress(1), preview(2), preview(3), most_bytes=25) == [progress(1), preview(2), preview(3)]
    assert kept(preview(1), preview(2, 100), most_bytes=25) == [preview(2, 100)]
    assert kept(preview(1, 100), FINISHED, most_bytes=25) == [preview(1, 100), FINISHED]


def test_only_the_last_queue_position_matters():
    positions = [Queued(job="1", position=number) for number in (5, 4, 3)]
    assert kept(*positions, progress(1)) == [positions[-1], progress(1)]


def test_nothing_follows_the_end():
    assert kept(FINISHED, FAILED, progress(1)) == [FINISHED]


def test_a_reader_waits_for_what_comes():
    async def go():
        buffer = Buffer()
        reader = asyncio.create_task(buffer.get())
        await asyncio.wait([reader], timeout=0.01)
        assert not reader.done()
        buffer.put(FAILED)
        assert await reader == FAILED

    asyncio.run(go())

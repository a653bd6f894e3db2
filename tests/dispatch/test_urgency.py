"""Shares of the device by weight and priority: pure policy, under a clock of its own."""

from collections import Counter
from itertools import pairwise
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from imagine.dispatch.queue import FairQueue
from imagine.fairness.urgency import HEAD_STARTS, WEIGHTS, delay_of, share_of, turn_of
from imagine.server.lasting.line import Waiter, between, line_of
from imagine.words.keys import PRIORITIES


class Wish(NamedTuple):
    client: str
    number: int
    seconds: float = 1.0
    priority: str = "normal"
    weight: float = 1.0


def cost(wish):
    return wish.seconds / share_of(wish.weight, wish.priority)


def empty():
    return FairQueue(
        cost,
        turn=lambda wish: turn_of(wish.number, wish.priority),
        delay=lambda wish: delay_of(wish.seconds / wish.weight, wish.priority),
    )


def filled(wishes):
    queue = empty()
    for wish in wishes:
        queue.push(wish.client, wish)
    return queue


def emptied(queue):
    return [queue.take() for _ in range(len(queue))]


WISHES = st.lists(
    st.builds(
        Wish, st.sampled_from("abcd"), st.integers(0, 9000), st.sampled_from([0.5, 1.0, 3.0]),
        st.sampled_from(PRIORITIES), st.sampled_from([0.5, 1.0, 2.0]),
    ),
    max_size=24,
)  # fmt: skip


@given(WISHES, st.integers(0, 24))
def test_the_line_that_is_told_is_the_line_that_is_taken(wishes, taken):
    queue = filled(wishes)
    for _ in range(min(taken, len(wishes))):
        queue.take()
    told = list(queue)
    assert told == list(queue) == emptied(queue)


@given(WISHES)
def test_of_ones_own_the_more_urgent_comes_first_and_never_by_more_than_its_head_start(wishes):
    for client in "abcd":
        own = [wish for wish in emptied(filled(wishes)) if wish.client == client]
        for before, behind in pairwise(own):
            ahead = HEAD_STARTS[before.priority] - HEAD_STARTS[behind.priority]
            assert before.number - behind.number <= ahead


@given(st.sampled_from(PRIORITIES), st.sampled_from([0.25, 1.0]), st.integers(1, 5))
def test_nothing_waits_for_ever_however_much_others_go_on_wanting(priority, weight, crowd):
    queue = filled([Wish("late", 0, 1.0, priority, weight)])
    for number in range(crowd):
        queue.push(f"busy {number}", Wish(f"busy {number}", 1, 1.0, "high", 4.0))
    seconds = 0.0
    while (wish := queue.take()).client != "late":
        seconds += wish.seconds
        queue.push(wish.client, wish._replace(number=wish.number + 1))
        assert seconds <= 16.0 * (crowd + 1) * (1 + delay_of(1 / weight, priority))


def test_whoever_has_one_isnt_kept_waiting_by_whoever_has_forty():
    queue = filled([Wish("many", number) for number in range(40)])
    queue.take()
    queue.push("one", Wish("one", 100))
    assert [wish.client for wish in queue][:2] in (["one", "many"], ["many", "one"])


def test_the_seconds_that_each_has_are_as_its_weight_and_priority():
    wanting = [("a", "normal", 1.0), ("b", "normal", 2.0), ("c", "high", 1.0), ("d", "low", 1.0)]
    queue = filled([Wish(name, n, 1.0, priority, weight) for name, priority, weight in wanting for n in range(900)])
    had = Counter(queue.take().client for _ in range(725))
    for name, priority, weight in wanting:
        assert abs(had[name] - 725 * weight * WEIGHTS[priority] / 7.25) <= 4, had


def test_what_can_wait_lets_others_pass_who_come_behind_it():
    queue = filled([Wish("a", 0, priority="low"), Wish("b", 0)])
    assert queue.take().client == "b"
    queue.push("c", Wish("c", 1))
    assert [wish.client for wish in queue] == ["c", "a"]
    assert empty().take() is None


@given(st.lists(st.tuples(st.integers(0, 50), st.sampled_from("abc")), max_size=20), st.integers(0, 3))
def test_of_orders_that_last_owners_take_turns(orders, held):
    waiting = [Waiter(float(turn), number, owner) for number, (turn, owner) in enumerate(orders)]
    line = list(line_of(waiting, {"a": held}))
    assert sorted(line) == sorted(waiting)
    for owner in "abc":
        own = [waiter for waiter in line if waiter.owner == owner]
        assert own == sorted(own)
    begun = Counter({"a": held})
    for at, waiter in enumerate(line):
        assert begun[waiter.owner] == min(begun[other.owner] for other in line[at:])
        begun[waiter.owner] += 1


@given(st.lists(st.integers(0, 5), max_size=8).map(sorted), st.data())
def test_what_is_moved_stands_where_it_was_put(turns, data):
    at = data.draw(st.integers(0, len(turns)))
    for _ in range(60):  # there is always room between two, however often one is put there
        moved = between(list(map(float, turns)), at)
        line = [*turns[:at], None, *turns[at:]]
        line = [moved.get(place, turn) for place, turn in enumerate(line)]
        assert line[at] is not None
        assert all(line[place] < line[at] for place in range(at) if place == at - 1)
        assert all(line[place] > line[at] for place in range(at + 1, len(line)) if place == at + 1)
        assert line == sorted(line)
        if len(line) > 12:
            return
        turns = line

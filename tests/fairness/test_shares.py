"""Seconds shared, whoever comes when, and who counts as one client."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagine.fairness.clients import client_from_address
from imagine.fairness.shares import Shares


def first(shares, names):
    return min(names, key=shares.start)


def test_a_newcomer_is_first_whatever_others_had_and_saves_nothing_up():
    shares = Shares()
    for _ in range(10):
        shares.serve("old")
        shares.charge("old", 30.0)
    assert shares.start("new") == shares.start("old") - 30, "as if it had come when the last turn began"
    shares.serve("new")
    shares.charge("new", 29.0)
    assert first(shares, ["old", "new"]) == "new", "its share is as many seconds as the other's turn took"
    shares.charge("new", 2.0)
    assert first(shares, ["old", "new"]) == "old"


def test_who_was_away_comes_back_with_what_it_owes_and_nothing_more():
    shares = Shares()
    shares.serve("a")
    shares.charge("a", 5.0)
    for _ in range(3):
        shares.serve("b")
        shares.charge("b", 1.0)
    assert first(shares, ["a", "b"]) == "b"
    for _ in range(30):
        shares.serve("b")
        shares.charge("b", 1.0)
    assert shares.start("a") == shares.start("b") - 1, "what it didn't want is nobody's"


def test_when_nobody_wants_anything_all_is_even():
    shares = Shares()
    shares.charge("a", 100.0)
    shares.clear()
    assert shares.start("a") == shares.start("b")
    assert len(shares) == 0


@given(
    costs=st.dictionaries(st.sampled_from("abcd"), st.floats(0.01, 30), min_size=2),
    turns=st.integers(20, 300),
    seed=st.integers(),
)
def test_over_any_time_in_which_all_want_it_each_has_as_much(costs, turns, seed):
    """To a turn of each: the bound of start-time fair queueing."""
    shares, had, names = Shares(), dict.fromkeys(costs, 0.0), list(costs)
    rng = random.Random(seed)
    for _ in range(turns):
        name = first(shares, names)
        shares.serve(name)
        seconds = costs[name] * rng.uniform(0.5, 1)
        shares.charge(name, seconds)
        had[name] += seconds
    for a in names:
        for b in names:
            assert had[a] - had[b] <= costs[a] + costs[b] + 1e-6
    assert len(shares) <= len(names)


def test_names_that_had_no_more_than_others_are_forgotten():
    shares = Shares()
    for number in range(1000):
        shares.serve(f"passer-by {number}")
        shares.charge(f"passer-by {number}", 0.1)
        shares.serve("stays")
        shares.charge("stays", 0.1)
    assert len(shares) <= 3


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("192.0.2.7", "192.0.2.7"), ("::ffff:192.0.2.7", "192.0.2.7"), ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.2", "127.0.0.2"), ("::1", "::1"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"), ("2001:db8:1:3::9", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"), ("local", "local"), ("", ""),
    ],
)  # fmt: skip
def test_a_client_is_an_address_or_a_network_of_one_customer(address, client):
    assert client_from_address(address) == client

"""The shares of a bounded queue, the seconds that jobs are expected to take, and when to come again."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagine.dispatch.estimates import Estimates
from imagine.dispatch.places import may_wait
from imagine.dispatch.waits import Waits
from imagine.words.recipe import GenerationParams, Hires

PARAMS = GenerationParams(
    model="m", digest="0" * 64, prompt="", width=64, height=64, num_steps=10, guidance=7.0, sampler="euler", seed=1
)


@given(
    most=st.integers(1, 600),
    wanted=st.lists(st.tuples(st.integers(0, 8), st.integers(1, 700)), max_size=20),
)
def test_there_is_always_a_place_for_a_newcomer_and_an_end(most, wanted):
    held = dict.fromkeys(range(9), 0)
    for client, count in wanted:
        for _ in range(count):
            if may_wait(sum(held.values()), held[client], most):
                held[client] += 1
    assert may_wait(sum(held.values()), 0, most), "nine clients can not take the places that are kept"
    assert sum(held.values()) <= most + max(8, most // 8)
    assert max(held.values()) <= max(1, 0.75 * most + 1)


@pytest.mark.parametrize("most", [1, 2, 3])
def test_a_short_queue_is_anybodys(most):
    assert all(may_wait(own, own, most) for own in range(most))
    assert not may_wait(most, most, most)


def test_clients_that_keep_coming_end_with_equal_shares():
    held = {"early": 384, "late": 0}
    for _ in range(2000):  # one place of each is freed in turn, and both take what they may
        for client in held:
            held[client] -= held[client] > 0
            while may_wait(sum(held.values()), held[client], 512):
                held[client] += 1
    assert abs(held["early"] - held["late"]) <= 3


def test_what_was_measured_is_expected_of_the_next():
    estimates = Estimates()
    assert estimates.of(PARAMS) == 1.0
    estimates.learn(PARAMS, 0.5, 3.0)
    assert estimates.of(PARAMS) == pytest.approx(6.0)
    large = msgspec.structs.replace(PARAMS, width=128, num_steps=20)
    assert estimates.of(large) == pytest.approx(24.0)
    twice = msgspec.structs.replace(PARAMS, hires=Hires(scale=2.0, strength=0.5))
    assert estimates.of(twice) == pytest.approx(18.0)
    estimates.learn(PARAMS, 0.0, 5.0)
    estimates.learn(PARAMS, 1.0, 0.0)
    assert estimates.of(PARAMS) == pytest.approx(6.0)
    for number in range(200):
        estimates.learn(msgspec.structs.replace(PARAMS, digest=f"{number}"), 1.0, 1.0)
    assert len(estimates._rates) <= 64


def test_every_refusal_gets_a_time_of_its_own():
    now = [100.0]
    waits = Waits(lambda: now[0])

    def told(client, running, each=5.0, workers=1):
        return waits.seconds(client, running, each=each, workers=workers)

    running = [("a", 8.0), ("a", 6.0), ("b", 10.0)]
    assert told("a", running) == pytest.approx(20.0), "b's, which has half of the device"
    assert told("a", running) == pytest.approx(30.0)
    assert told("b", running) == pytest.approx(20.0)
    assert told("c", [], workers=2) == 1.0
    now[0] += 1000
    assert told("a", running, workers=2) == pytest.approx(10.0)
    for _ in range(1000):
        assert told("a", running) <= 600.0
    assert told("d", [("d", 1e9)]) == 600.0
    assert len(waits._promised) <= 2

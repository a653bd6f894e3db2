"""How many jobs step at once: within the limits, and where it was measured to be fastest."""

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from imagine.engine.batching import FORGET, Batching
from imagine.engine.jobs.batch_key import BatchKey
from imagine.engine.jobs.buckets import BUCKETS, Bucket, buckets_from_text, buckets_text
from imagine.words.errors import BadRequest
from tests.engine.plain_family import PlainFamily, Shelf, plain_model
from tests.engine.running import engine_of, finished, wish
from tests.engine.running import run as run_engine

KEY = BatchKey("model", (4, 8, 8), (True,))
OTHER = KEY._replace(latents=(4, 16, 16))


def rate(seconds, bucket, ready):
    """Pictures a second."""
    return min(bucket, ready) / seconds[bucket]


def run(batching, seconds, ready, times):
    """Steps `ready` jobs so often, each bucket taking its `seconds`; the buckets that were chosen."""
    chosen = []
    for _ in range(times):
        bucket = batching.choose(KEY, ready)
        batching.record(KEY, bucket, seconds[bucket])
        chosen.append(bucket)
    return chosen


costs = st.builds(
    lambda values: dict(zip(BUCKETS, values, strict=True)), st.lists(st.floats(0.01, 10), min_size=5, max_size=5)
)


@settings(max_examples=200, deadline=None)
@given(
    seconds=costs,
    ready=st.lists(st.integers(1, 40), min_size=1, max_size=60),
    most=st.integers(1, 40),
    limit=st.sampled_from([*BUCKETS, 99]),
)
def test_never_beyond_the_limits(seconds, ready, most, limit):
    batching = Batching(most)
    for i, count in enumerate(ready):
        if i == len(ready) // 2:
            batching.limit(KEY, limit)
        bucket = batching.choose(KEY, count)
        assert bucket in BUCKETS
        assert bucket <= most
        assert bucket == 1 or count >= 0.75 * bucket or batching.expected(KEY, bucket) is not None
        if i >= len(ready) // 2:
            assert bucket <= limit
        batching.record(KEY, bucket, seconds[bucket])


@settings(max_examples=200, deadline=None)
@given(seconds=costs, ready=st.integers(1, 40))
def test_of_the_known_buckets_the_fastest_is_taken(seconds, ready):
    batching = Batching()
    settled = run(batching, seconds, ready, 40)[-1]
    known = batching._seconds[KEY]
    assert rate(seconds, settled, ready) == max(rate(seconds, bucket, ready) for bucket in known)


def test_goes_up_while_it_pays():
    launch_bound = {1: 1.0, 2: 1.0, 4: 1.1, 8: 1.3, 16: 2.0}
    chosen = run(Batching(), launch_bound, 16, 20)
    assert chosen[:10] == [1, 1, 2, 2, 4, 4, 8, 8, 16, 16]
    assert set(chosen[10:]) == {16}


def test_stops_where_it_does_not_pay():
    compute_bound = {1: 1.0, 2: 2.0, 4: 4.0, 8: 8.0, 16: 16.0}
    chosen = run(Batching(), compute_bound, 16, 20)
    assert max(chosen) == 2, "two are tried; four would cost every job three steps of waiting"
    assert set(chosen[4:]) == {1}


def test_a_bucket_is_tried_only_when_it_is_nearly_full():
    seconds = dict.fromkeys(BUCKETS, 1.0)
    assert max(run(Batching(), seconds, 1, 10)) == 1
    assert max(run(Batching(), seconds, 2, 10)) == 2
    assert max(run(Batching(), seconds, 3, 10)) == 4
    assert max(run(Batching(), seconds, 5, 10)) == 4
    assert max(run(Batching(), seconds, 6, 10)) == 8


def test_fewer_jobs_than_the_best_bucket_take_the_one_that_is_best_for_them():
    batching = Batching()
    run(batching, {1: 1.0, 2: 1.0, 4: 1.1, 8: 2.0, 16: 8.0}, 16, 20)
    assert batching.choose(KEY, 3) == 4
    assert batching.choose(KEY, 1) == 1


def test_a_first_batch_that_warms_up_does_not_decide():
    batching = Batching()
    for bucket, seconds in ((1, 1.0), (1, 1.0), (2, 30.0)):
        assert batching.choose(KEY, 2) == bucket
        batching.record(KEY, bucket, seconds)
    assert batching.choose(KEY, 2) == 2, "its first batch compiled and allocated"
    batching.record(KEY, 2, 1.2)
    assert batching.choose(KEY, 2) == 2
    assert batching.seconds(KEY) == 1.2


def test_what_is_old_is_tried_again():
    batching = Batching()
    assert run(batching, {1: 1.0, 2: 2.5}, 2, 10)[-1] == 1
    later = run(batching, {1: 1.0, 2: 1.1}, 2, 3 * FORGET)
    assert 2 in later
    assert later[-1] == 2


def test_too_little_memory_is_remembered():
    batching = Batching()
    run(batching, dict.fromkeys(BUCKETS, 1.0), 16, 20)
    assert batching.limit(KEY, 4) == 4
    assert batching.choose(KEY, 16) == 4
    assert batching.limit(KEY, 8) == 4
    assert batching.limit(KEY, 0) == 1
    assert batching.choose(KEY, 16) == 1
    assert batching.choose(OTHER, 16) == 1
    assert batching.allowed(KEY, 8) == 1
    assert batching.allowed(OTHER, 8) == 8


@pytest.mark.parametrize(("most", "largest"), [(None, 16), (1, 1), (3, 2), (0, 1), (100, 16)])
def test_a_setting_that_is_no_bucket_rounds_down(most, largest):
    assert max(run(Batching(most), dict.fromkeys(BUCKETS, 1.0), 40, 20)) == largest


def test_keys_are_measured_apart():
    batching = Batching()
    run(batching, dict.fromkeys(BUCKETS, 1.0), 16, 20)
    assert batching.choose(OTHER, 16) == 1
    assert batching.seconds(OTHER) is None


@given(st.lists(st.builds(Bucket, st.sampled_from(BUCKETS), st.sampled_from((0, 1, 8, 32))), min_size=1, max_size=80))
def test_buckets_are_written_and_read(buckets):
    assert buckets_from_text(buckets_text(buckets)) == buckets


def test_buckets_read_as_runs():
    assert buckets_text([Bucket(1)] * 12 + [Bucket(4, 8)] * 13) == "1x12,4/8x13"


@pytest.mark.parametrize("text", ["", "1", "3x4", "1x0x2", "1x12,", "1x99999", "-1x2", "1x2;4x3", "१x2", "1x2," * 5000,
                                  "1/x2", "1/0x2", "1/33x2", "1/8/8x2"])  # fmt: skip
def test_what_is_no_list_of_buckets_is_refused(text):
    with pytest.raises(BadRequest) as refused:
        buckets_from_text(text)
    assert refused.value.field == "buckets"


@pytest.mark.parametrize(
    ("most", "chosen"), [(None, {1, 2, 4, 8, 16}), (5, {1, 2, 4}), (1, {1}), (64, {1, 2, 4, 8, 16})]
)
def test_a_models_own_limit_holds_beside_that_of_all(most, chosen):
    seconds = dict.fromkeys(BUCKETS, 1.0)
    batching, seen = Batching(), set()
    for _ in range(60):
        bucket = batching.choose(KEY, 16, most)
        batching.record(KEY, bucket, seconds[bucket])
        seen.add(bucket)
    assert seen == chosen
    assert Batching(2).choose(KEY, 16, 8) <= 2


def test_a_model_is_batched_within_its_limit():
    """Of a crowd, no step takes more jobs than the model's settings allow, and every picture is made."""
    crowd = [wish(plain_model(), f"{i}", num_steps=12, seed=i, guidance=1.0, max_batch=2) for i in range(6)]
    engine = engine_of(open_model=Shelf(tiny=PlainFamily()), measure=lambda _: 0)
    results = finished(run_engine(engine, *crowd))
    assert len(results) == 6
    runs = [run for result in results.values() for run in result.meta["buckets"].split(",")]
    assert {run.split("x")[0] for run in runs} == {"1", "2"}

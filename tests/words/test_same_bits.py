"""Which devices make a recipe's bits again."""

import msgspec
import pytest

from imagine.words.frames import Ready
from imagine.words.same_bits import made_on, makes_the_same
from tests.worker.fake_engine import submit

HERE = {"device": "cpu", "name": "x86_64 AVX512", "threads": 2, "fast_float32": True, "torch": "2.12.0"}
THERE = HERE | {"dtype": "bfloat16", "layout": "packed"}


def job(environment, buckets=None):
    made = submit("1")
    params = msgspec.structs.replace(made.params, buckets=buckets)
    return msgspec.structs.replace(made, params=params, environment=made_on(environment))


@pytest.mark.parametrize(
    ("environment", "buckets", "same"),
    [
        (None, None, True),
        (THERE, "1x12", True),
        (THERE | {"threads": 1}, "1x12", False),
        (THERE | {"threads": 1}, "1/8x12,4/8x3", True),
        (THERE | {"threads": 1}, "1/8x12,4x3", False),
        (THERE | {"name": "x86_64 AVX2"}, "1x12", False),
        (THERE | {"torch": "2.13.0"}, None, False),
        ({"device": "cuda"}, None, False),
    ],
)
def test_a_device_makes_the_same_where_all_that_decides_bits_is_the_same(environment, buckets, same):
    assert makes_the_same(Ready(device="cpu", environment=HERE), job(environment, buckets)) is same


def test_of_a_device_that_says_nothing_of_itself_nothing_is_known():
    assert not makes_the_same(Ready(device="cpu"), job(THERE))
    assert makes_the_same(Ready(device="cpu"), job(None))


def test_what_a_recipe_says_is_bounded():
    assert made_on({"n" * 999: "v" * 999, "tf32": {"cudnn": True}}) == {"n" * 200: "v" * 200, "tf32": "{'cudnn': True}"}

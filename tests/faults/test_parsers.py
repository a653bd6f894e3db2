"""A small part of what `python -m tests.faults.parsers` does at length."""

import asyncio
from itertools import islice
from random import Random

import pytest

from tests.faults import parsers


@pytest.mark.parametrize("maker", dict.fromkeys(parsers.MAKERS), ids=lambda maker: maker.__name__)
def test_whatever_comes_is_a_picture_or_a_refusal(maker):
    random = Random(maker.__name__)
    told = asyncio.run(parsers.parse(islice((maker(random) for _ in iter(int, 1)), 60)))
    assert told["sound"] + told["refused"] == told["recipe"] + told["silent"] + told["unreadable"] == 60
    assert (told["sound"] == 60) if maker is parsers.sound else told["refused"]

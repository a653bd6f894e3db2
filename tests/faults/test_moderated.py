"""A small part of what `python -m tests.faults.moderated` does at length."""

import asyncio
from itertools import islice
from random import Random

import pytest

from tests.faults import moderated


@pytest.mark.parametrize("maker", moderated.MAKERS, ids=lambda maker: maker.__name__)
def test_whatever_comes_is_answered_soon_and_without_a_fault(maker, tmp_path):
    random = Random(maker.__name__)
    told = asyncio.run(moderated.answered(tmp_path, islice((maker(random) for _ in iter(int, 1)), 8)))
    assert told.total() == 8
    assert {status.rpartition(" ")[2] for status in told} <= {"200", "400", "404", "413", "422"}

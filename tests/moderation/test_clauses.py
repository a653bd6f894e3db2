"""Pieces of a prompt whose meaning is compared, however it is written."""

import pytest

from imagine.moderation.clauses import pieces_of
from imagine.moderation.normalise import reading_of
from tests.growth import grows_with_length


@pytest.mark.parametrize("part", ["a1", "a@", "wі", "\u0315\u0316", "a1 "], ids=repr)
@pytest.mark.parametrize("work", [pieces_of, reading_of])
def test_the_work_grows_with_the_length_whatever_is_written(work, part):
    grows_with_length(work, lambda count: "a " + part * count, 1_000)

"""A small part of what `make soak` does at length: mixed pictures, and nothing that grows."""

from random import Random

import pytest

from tests.faults.soak import pictures


@pytest.mark.slow
def test_many_mixed_pictures_leave_nothing_behind(tmp_path):
    assert pictures(tmp_path, 40, Random(1), warm=30) >= 70

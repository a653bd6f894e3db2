"""What Toybox's pixels say of every sampler and schedule is what the table offers."""

import json

import pytest

from imagine.words.samplers import SAMPLERS, describe, pairs
from tools.toybox.samplers import COUNTS, JUDGED, conditionings, drawn, is_right, least_steps, open_toybox, verdict

SEEN = json.loads(JUDGED.read_text())


def test_every_pair_was_judged_at_every_number_of_steps() -> None:
    for name, schedules in pairs().items():
        for schedule in schedules:
            assert {str(steps) for steps in COUNTS} <= set(SEEN[f"{name}/{schedule}"])


@pytest.mark.parametrize("name", pairs())
def test_nothing_is_offered_that_is_no_picture(name: str) -> None:
    (row,) = [each for each in describe() if each["name"] == name]
    for schedule in pairs()[name]:
        assert row["min_steps"][schedule] >= least_steps(SEEN, f"{name}/{schedule}"), schedule


@pytest.mark.slow
def test_the_judge_still_sees_noise_where_it_was_and_a_picture_behind_it() -> None:
    """One pair drawn again: the fewest steps that are offered, and half of them."""
    family = open_toybox()
    plain, least = SEEN["euler/default"]["4"], SAMPLERS["dpm++ 3m sde"].min_steps("karras", "ordinary")
    for steps, right in ((least, True), (4, False)):
        pictures = drawn(family, conditionings(family), "dpm++ 3m sde", "karras", steps)
        assert is_right(verdict(pictures), plain) is right

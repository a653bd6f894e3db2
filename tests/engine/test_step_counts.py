"""What a step costs beside its network, counted: our own calls, torch's operators, tensors, frames, files.

None of it is timed. A limit that is passed says what it was passed by; one that is no longer reached should be lowered.
"""

from collections import Counter
from dataclasses import dataclass

import pytest

from imagine.words.events import Progress
from imagine.words.frames import encode
from tests.counting import files_opened, listed, own_calls
from tests.engine.operators import Operators
from tests.engine.running import Clock, engine_of, made, run, wish

STEPS = 12
WARM = 4
"""Steps after which a sampler has all of its history."""


@dataclass(frozen=True)
class Most:
    """Of a step of some jobs by one sampler, beside the network's forward."""

    sampler: str
    jobs: int
    calls: int
    """Of functions in src/imagine."""
    operators: int
    """That torch runs, our own and those of diffusers' scheduler."""
    tensors: int
    """That they make in memory of their own."""


# 32 of the calls are the attention's, each in the place of some 140 of diffusers'.
LIMITS = (
    Most("euler", 1, calls=252, operators=33, tensors=21),
    Most("euler", 4, calls=604, operators=117, tensors=78),
    Most("dpm++ 2m", 1, calls=252, operators=76, tensors=65),
)
FRAME = 80
"""Bytes of what is said of a step, where a job's id takes two."""


def stepped(said):
    """Which step each job has made by what was said."""
    return [report.step for report in said if isinstance(report, Progress)]


@pytest.mark.parametrize("most", LIMITS, ids=lambda most: f"{most.sampler}, {most.jobs}")
def test_a_step_costs_no_more_than_it_did(sd1, most):
    engine = engine_of(clock=Clock())
    run(engine, wish(sd1, num_steps=1))
    for number in range(most.jobs):
        engine.submit(wish(sd1, f"j{number}", sampler=most.sampler, num_steps=STEPS, seed=number))
    network = engine._models.residency.find(sd1.identity).family.networks["denoiser"]
    done, together = 0, []
    while done < WARM or len(together) < most.jobs:
        together = stepped(engine.step())
        done = max([done, *together])
    for _ in range(2):
        with own_calls() as calls, Operators(network) as operators:
            said = engine.step()
        assert len(stepped(said)) == most.jobs, "the jobs were not stepped together"
        assert calls.total() <= most.calls, f"{calls.total()} calls of ours in a step:{listed(calls)}"
        ran, tensors = operators.run, operators.made
        assert ran.total() <= most.operators, f"{ran.total()} operators beside the network:{listed(ran)}"
        assert tensors.total() <= most.tensors, f"{tensors.total()} new tensors beside the network:{listed(tensors)}"
        frames = [len(encode(report)) for report in said]
        assert Counter(type(report).__name__ for report in said) == {"Progress": most.jobs}, "frames of a step"
        assert max(frames) <= FRAME, f"frames of {frames} bytes: {said}"


def test_a_picture_of_a_model_that_is_there_opens_no_file(sd1):
    engine = engine_of()
    made(engine, wish(sd1))
    with files_opened() as opened:
        made(engine, wish(sd1, prompt="a blue fox", width=72, sampler="dpm++ 2m sde", every=1))
    assert not opened, f"opened for one more picture:{listed(opened)}"

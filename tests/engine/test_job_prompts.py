"""Prompts in a job: those that change on the way, and what was odd about the model."""

import pytest
import torch

from imagine.messages import sentences
from tests.checkpoints import write_checkpoint
from tests.engine.running import Watching, engine_of, finished, made, model_at, run, wish


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "tiny.safetensors"
    write_checkpoint(path, extra={"somebody.elses.weight": torch.zeros(1)})
    return model_at(path)


def contexts(family):
    """The conditioning of each evaluation, both sides of it."""
    return [rows["context"] for _, _, rows in family.heard("denoise")]


def test_a_prompt_that_changes_is_another_conditioning_at_its_step(tiny):
    watching = Watching()
    engine = engine_of(open_model=watching)
    changes = {"prompt": "a [red:blue:1] fox", "neg": "[dark|pale]", "num_steps": 3}
    run(engine, wish(tiny, **changes))
    family = watching.families["tiny"]
    asked = [(one.prompt, one.negative) for (one,) in family.heard("encode")]
    assert asked == [("a red fox", "dark"), ("a blue fox", "pale"), ("a blue fox", "dark")]
    seen = contexts(family)
    expected = [family.encode(one) for (one,) in family.heard("encode")]
    for context, conditioning in zip(seen, expected, strict=True):
        sides = torch.cat([conditioning.negative["context"], conditioning.positive["context"]])
        assert torch.equal(context, sides)


def test_it_is_made_again_alone_as_it_was_in_a_crowd(tiny):
    changes = {"prompt": "a [red|blue] fox", "num_steps": 5, "sampler": "dpm++ sde"}
    crowd = [wish(tiny, "a", **changes), wish(tiny, "b", seed=2, num_steps=5), wish(tiny, "c", seed=3, num_steps=5)]
    first = finished(run(engine_of(), *crowd))["a"]
    assert first.meta["buckets"] != "1/32x8"
    again = made(engine_of(), wish(tiny, "a", buckets=first.meta["buckets"], **changes))
    assert again.data == first.data
    assert made(engine_of(), wish(tiny, **{**changes, "prompt": "a red fox"})).data != again.data


def test_what_was_odd_about_the_model_is_told_with_every_picture(tiny):
    engine = engine_of()
    for job in ("first", "second"):
        told = sentences(made(engine, wish(tiny, job)).warnings)
        assert told == ["1 tensor was left out of the model as unknown, such as somebody.elses.weight"]

"""Forwards recorded as CUDA graphs, on a device that isn't there: which are, that bits stay, and when they go."""

import logging

import msgspec
import pytest
import torch

from imagine.engine.execution import graphs
from imagine.engine.execution.execution import Eager
from imagine.words.frames import WorkerSettings
from tests.checkpoints import tiny_modules
from tests.engine.accelerator import SMALL, on
from tests.engine.adapters.low_rank import used, write_low_rank
from tests.engine.running import engine_of, finished, made, model_at, picture, run, wish


def evaluations(card, engine, *wishes):
    """Of each evaluation: how often the device was left without work, and how many launches it took."""
    for one in wishes:
        engine.submit(one)
    told = []
    while engine.busy:
        before, done = (card.waits.total(), card.launches), engine._evaluations.taken
        engine.step()
        if engine._evaluations.taken > done:
            told.append((card.waits.total() - before[0], card.launches - before[1]))
    return told


@pytest.mark.slow
@pytest.mark.parametrize("family", ["sd", "sdxl"])
def test_a_forward_that_comes_again_is_replayed_with_the_same_bits_and_without_a_wait(accelerator, half, family):
    model = model_at(half[family])
    wishes = [wish(model, "a", num_steps=4), wish(model, "b", num_steps=4, buckets="2x4", prompt="a blue house")]
    card = accelerator()
    eager = finished(run(on(card, cuda_graphs=False), *wishes))
    assert (card.captures, card.replays) == (0, 0)
    engine = on(card)
    recorded = finished(run(engine, *wishes))
    for job, report in recorded.items():
        assert report.data == eager[job].data, "with the same recipe, which tells of no recording"
    assert card.captures == 2, "one for each bucket"
    card.captures = card.replays = 0
    steps = evaluations(card, engine, wish(model, "c", num_steps=4, seed=3))
    assert card.captures == 0, "a new picture of known shapes"
    assert card.replays == len(steps) == 4
    assert {waits for waits, _ in steps} == {0}
    plain = evaluations(card, on(card, cuda_graphs=False), wish(model, "c", num_steps=4, seed=3))
    assert max(launches for _, launches in steps) < min(launches for _, launches in plain) / 5


def test_other_shapes_are_another_recording_and_the_fewest_used_go(accelerator, half, monkeypatch):
    monkeypatch.setattr(graphs, "MOST", 2)
    model = model_at(half["sd"])
    card = accelerator()
    engine = on(card)
    for side in (64, 72, 80):
        made(engine, wish(model, width=side, height=side, num_steps=3))
    assert card.captures == 3
    assert len(engine._device.recordings) == 2
    made(engine, wish(model, width=80, height=80, num_steps=3))
    assert card.captures == 3
    made(engine, wish(model, width=64, height=64, num_steps=3))
    assert card.captures == 4


@pytest.mark.slow
def test_what_has_adapters_beside_it_is_not_recorded(accelerator, half, tmp_path):
    write_low_rank(tmp_path / "a.safetensors", {"denoiser": tiny_modules(unet=SMALL).unet}, 1)
    plain = wish(model_at(half["sd"]), num_steps=4)
    beside = msgspec.structs.replace(plain, adapters=(used(tmp_path / "a.safetensors", "a", 0.7),))
    card = accelerator()
    expected = picture(made(on(card, cuda_graphs=False), beside)).tobytes()
    engine = on(card)
    made(engine, plain)
    done = card.captures, card.replays
    assert done[0] == 1
    assert picture(made(engine, beside)).tobytes() == expected
    assert (card.captures, card.replays) == done


@pytest.mark.slow
def test_they_go_where_memory_runs_short_and_with_their_model(accelerator, half):
    card = accelerator()
    engine = on(card)
    asked = wish(model_at(half["sd"]), num_steps=4)
    first = made(engine, asked)
    assert len(engine._device.recordings) == 1
    held = card.used
    assert engine._device.drop_recordings()
    assert card.used < held
    assert not engine._device.drop_recordings()
    assert made(engine, asked).data == first.data
    assert card.captures == 1, "not at once again"
    card.limit = int(card.used * 1.2)
    again = on(card)
    engine._models.residency.evict(whole=True)
    made(again, asked)
    again._models.residency.evict(whole=True)
    assert len(again._device.recordings) == 0


def test_what_can_not_be_recorded_is_run_as_ever(accelerator, half, caplog, monkeypatch):
    asked = wish(model_at(half["sd"]), num_steps=4)
    card = accelerator()
    expected = made(on(card), asked).data
    # A forward that asks for a value of the device, which no recording can answer.
    forward = Eager.run
    monkeypatch.setattr(Eager, "run", lambda self, inputs: (float(inputs.latents.sum()), forward(self, inputs))[1])
    done = card.captures
    with caplog.at_level(logging.INFO):
        assert made(on(card), asked).data == expected
    assert card.captures == done
    assert "a forward is not recorded: CUDA error: operation not permitted" in caplog.text


def test_a_recording_that_answers_other_bits_is_not_used(accelerator, half, caplog, monkeypatch):
    asked = wish(model_at(half["sd"]), num_steps=4)
    card = accelerator()
    expected = made(on(card), asked).data
    monkeypatch.setattr(graphs.Recorded, "replay", lambda self, inputs: torch.zeros_like(self._answer))
    assert made(on(card), asked).data == expected
    assert "answers other bits" in caplog.text


def test_nothing_is_recorded_on_a_cpu():
    assert engine_of(WorkerSettings(device="cpu"))._device.recordings is None

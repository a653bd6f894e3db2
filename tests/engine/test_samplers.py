"""A sampler for each job: few steps, late starts, seeds, random numbers, previews and the count of steps."""

import math

import pytest
import torch
from gaussian import MEAN, answer, expected_clean, sigma_at

from imagine.engine.sampling.noise import Noise
from imagine.engine.sampling.sampler import Sampler, noise_seed
from imagine.words.errors import BadRequest, Unsupported
from imagine.words.samplers import SAMPLERS, pairs

# diffusers makes the schedule of dpm2 by handing tensors to numpy.
pytestmark = pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning")

EPSILON = Noise()
KINDS = {
    "ordinary": EPSILON,
    "zero_snr": Noise(prediction="v_prediction", zero_snr=True),
    "flow": Noise(prediction="flow", shift=3.0),
    "flow by size": Noise(prediction="flow", shift=math.exp(1.15), spacing="trailing"),
    "flow unshifted": Noise(prediction="flow", spacing="trailing"),
}
SHAPE = (1, 4, 8, 8)
PAIRS = [
    (kind, name, schedule)
    for kind, noise in KINDS.items()
    for name, have in pairs(noise.kind).items()
    for schedule in have
]


def standard(seed=7):
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed))


def evaluate(sampler, noise, x):
    return sampler.step(answer(sampler.scale(x), sampler.timestep, noise), x)


def run(name, schedule, steps, noise=EPSILON, *, source=None, seed=1, strength=1.0):
    sampler = Sampler(name, schedule, noise, steps, seed=seed, strength=strength)
    x = sampler.start(standard(), source)
    while not sampler.done:
        x, _ = evaluate(sampler, noise, x)
    return x


@pytest.mark.parametrize(("kind", "name", "schedule"), PAIRS)
def test_few_steps_make_a_picture_or_are_refused_before_any_work(kind, name, schedule):
    noise = KINDS[kind]
    source = torch.full(SHAPE, MEAN - 0.1)
    for steps in (1, 2, 3, 4):
        if steps < SAMPLERS[name].min_steps(schedule, noise.kind):
            with pytest.raises(Unsupported) as caught:
                Sampler(name, schedule, noise, steps, seed=1)
            assert caught.value.field == "num_steps"
            continue
        found = [run(name, schedule, steps, noise)]
        found += [run(name, schedule, steps, noise, source=source, strength=part) for part in (0.02, 0.3, 0.75, 1)]
        for x in found:
            assert abs(x.mean() - MEAN) < 0.12, (steps, x.mean())
            assert x.std() < 0.45, (steps, x.std())


@pytest.mark.parametrize("strength", [0.02, 0.05, 0.1, 0.35, 0.6, 0.99, 1.0])
@pytest.mark.parametrize("name", SAMPLERS)
def test_a_late_start_runs_the_last_steps_and_lands_on_the_picture(name, strength):
    sampler = Sampler(name, "default", EPSILON, 20, seed=3, strength=strength)
    assert sampler.steps == max(1, int(20 * strength))
    assert sampler.evaluations == sampler.steps * SAMPLERS[name].evaluations - (SAMPLERS[name].evaluations - 1)
    x = run(name, "default", 20, source=torch.full(SHAPE, MEAN), seed=3, strength=strength)
    assert abs(x.mean() - MEAN) < 0.03
    assert x.std() < 0.3


@pytest.mark.parametrize("name", SAMPLERS)
def test_strength_zero_is_the_source_without_a_single_evaluation(name):
    sampler = Sampler(name, "default", EPSILON, 20, seed=3, strength=0.0)
    source = standard(9)
    assert sampler.done
    assert sampler.steps == sampler.evaluations == sampler.user_step == 0
    assert torch.equal(sampler.start(standard(), source), source)


@pytest.mark.parametrize("name", SAMPLERS)
def test_the_user_s_steps_are_counted_whatever_an_algorithm_evaluates(name):
    sampler = Sampler(name, "default", EPSILON, 20, seed=3)
    x, counted = sampler.start(standard()), []
    while not sampler.done:
        x, _ = evaluate(sampler, EPSILON, x)
        counted.append(sampler.user_step)
    twice = [i // 2 for i in range(1, 39)] + [20]
    assert counted == (twice if SAMPLERS[name].evaluations == 2 else list(range(1, 21)))
    assert sampler.index == sampler.evaluations == len(counted)


PREDICTIONS = {prediction: Noise(prediction=prediction) for prediction in ("epsilon", "v_prediction", "flow")}


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, noise in PREDICTIONS.items() for name in pairs(noise.kind)]
)
def test_previews_are_what_the_denoiser_takes_the_clean_latents_for(kind, name):
    noise = PREDICTIONS[kind]
    sampler = Sampler(name, "default", noise, 20, seed=3)
    x = sampler.start(standard())
    while not sampler.done:
        sigma = sigma_at(sampler.timestep, noise)
        given = sampler.scale(x)
        scale = (1 + sigma**2) ** 0.5
        signal, sigma = (1 - sigma, sigma) if kind == "flow" else (1 / scale, sigma / scale)
        x, clean = evaluate(sampler, noise, x)
        # Schedulers that round timesteps tell the denoiser a level a little beside their own.
        torch.testing.assert_close(clean, expected_clean(given, signal, sigma), rtol=0, atol=0.02)


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, noise in KINDS.items() for name in pairs(noise.kind)]
)
def test_a_noised_source_is_at_the_level_that_the_denoiser_is_told(kind, name):
    noise = KINDS[kind]
    sampler = Sampler(name, "default", noise, 20, seed=3)
    source, draw = standard(9), standard()
    x = sampler.start(draw, source)
    assert torch.equal(x, sampler.noised(source, draw))
    while not sampler.done:
        sigma = sigma_at(sampler.timestep, noise)
        scale = 1 if noise.kind == "flow" else (1 + sigma**2) ** 0.5
        expected = source * ((1 - sigma) if noise.kind == "flow" else 1) / scale + draw * sigma / scale
        torch.testing.assert_close(sampler.scale(sampler.noised(source, draw)), expected, rtol=0, atol=0.01)
        x, _ = evaluate(sampler, noise, x)
    assert torch.equal(sampler.noised(source, draw), source)


@pytest.mark.parametrize("name", SAMPLERS)
def test_jobs_side_by_side_neither_touch_each_other_nor_the_global_generator(name):
    alone = [run(name, "default", 20, seed=seed) for seed in (5, 2**64 - 1)]
    torch.manual_seed(1234)
    before = torch.get_rng_state()
    jobs = [Sampler(name, "default", EPSILON, 20, seed=seed) for seed in (5, 2**64 - 1)]
    latents = [job.start(standard()) for job in jobs]
    while not jobs[0].done:
        latents = [evaluate(job, EPSILON, x)[0] for job, x in zip(jobs, latents, strict=True)]
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(x, y) for x, y in zip(alone, latents, strict=True))
    assert torch.equal(*latents) is not SAMPLERS[name].stochastic


def test_noise_on_the_way_is_not_the_initial_noise_again():
    seeds = [0, 1, 5, 2**63, 2**64 - 1]
    derived = [noise_seed(seed) for seed in seeds]
    assert len(set(derived)) == len(seeds)
    assert all(0 <= one < 2**63 for one in derived)
    assert derived[0] == 0x2DA25F4F169C6F1E  # part of every picture's recipe: it may never change


def test_half_precision_answers_leave_the_state_in_float32():
    sampler = Sampler("euler a", "default", EPSILON, 5, seed=1)
    x = sampler.start(standard().half())
    x, clean = sampler.step(answer(sampler.scale(x), sampler.timestep, EPSILON).half(), x)
    assert x.dtype == clean.dtype == torch.float32


@pytest.mark.parametrize(
    ("wish", "error", "field"),
    [
        ({"name": "plms"}, BadRequest, "sampler"),
        ({"schedule": "turbo"}, BadRequest, "schedule"),
        ({"steps": 0}, Unsupported, "num_steps"),
        ({"strength": 1.5}, BadRequest, "strength"),
        ({"strength": float("nan")}, BadRequest, "strength"),
        ({"seed": -1}, BadRequest, "seed"),
        ({"seed": 2**64}, BadRequest, "seed"),
        ({"noise": Noise(zero_snr=True)}, Unsupported, "model"),
        ({"name": "deis", "noise": KINDS["flow"]}, Unsupported, "sampler"),
    ],
)
def test_what_can_not_be_is_refused_by_name(wish, error, field):
    asked = {"name": "euler", "schedule": "default", "noise": EPSILON, "steps": 20, "seed": 1, **wish}
    with pytest.raises(error) as caught:
        Sampler(**asked)
    assert caught.value.field == field


def test_simple_counts_down_without_rounding_and_sgm_uniform_with():
    for name in ("euler", "euler a", "lms", "dpm++ 2m"):
        sampler, told = Sampler(name, "simple", EPSILON, 30, seed=1), []
        x = sampler.start(standard())
        while not sampler.done:
            told.append(round(sampler.timestep))
            x, _ = evaluate(sampler, EPSILON, x)
        assert told == [999 - int(i * 1000 / 30) for i in range(30)]
    told = [round(level) for level in _timesteps("dpm++ 2s", "sgm uniform", 30)]
    assert told == [round(1000 - i * 1000 / 30) - 1 for i in range(30)]


def _timesteps(name, schedule, steps):
    sampler = Sampler(name, schedule, EPSILON, steps, seed=1)
    x = sampler.start(standard())
    while not sampler.done:
        yield sampler.timestep
        x, _ = evaluate(sampler, EPSILON, x)


@pytest.mark.parametrize("name", SAMPLERS)
def test_no_scheduler_searches_for_its_timestep(name, monkeypatch):
    """The search takes the wrong one of two equal timesteps, and on an accelerator it waits for the device."""
    sampler = Sampler(name, "default", EPSILON, 20, seed=3, strength=0.5)
    monkeypatch.setattr(sampler._scheduler, "index_for_timestep", None, raising=False)
    x = sampler.start(standard(), standard(9))
    while not sampler.done:
        x, _ = evaluate(sampler, EPSILON, x)
    assert torch.isfinite(x).all()

"""Against the exact solution for Gaussian data: a sampler that solves another equation fails."""

import math

import diffusers
import pytest
import torch
from gaussian import MEAN, STD, expected_clean

from imagine.engine.sampling import schedules
from imagine.engine.sampling.noise import Noise
from imagine.engine.sampling.sampler import Sampler
from imagine.words.samplers import SAMPLERS

# diffusers makes the schedule of dpm2 by handing tensors to numpy.
pytestmark = pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning")

EPSILON = Noise()
DETERMINISTIC = [name for name, row in SAMPLERS.items() if not row.stochastic]
# Consistency samplers leap to x0 and noise it anew: no solvers of the reverse process.
DIFFUSING = [name for name, row in SAMPLERS.items() if row.stochastic and name not in ("lcm", "tcd")]


def schedule_of(name):
    return "karras" if "karras" in SAMPLERS[name].schedules else "default"


def mix(sampler):
    """What of picture and of noise the latents hold at this evaluation."""
    none, one = torch.zeros(1), torch.ones(1)
    return float(sampler.noised(one, none)), float(sampler.noised(none, one))


def exact_start(sampler, shape, seed=11):
    """Latents drawn from what Gaussian data look like at the first level, scaled back to x0 + sigma·noise; sigma."""
    signal, noise = mix(sampler)
    sigma = noise / signal
    draw = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    level = MEAN + (STD**2 + sigma**2) ** 0.5 * draw
    return level * signal, level, sigma


def advance(sampler, x, clean_of, until):
    """Latents after `until` evaluations of a denoiser of epsilon that takes x0 for `clean_of(x, signal, sigma)`.

    It is told the scheduler's own level: most schedulers round the timesteps that they tell.
    """
    while sampler.index < until:
        signal, sigma = mix(sampler)
        sampler.scale(x)
        x, _ = sampler.step((x - signal * clean_of(x, signal, sigma)) / sigma, x)
    return x


def error_of_ode(name, steps, strength):
    """How far the last latents but one are from the solution of dx/dsigma = (x - E[x0|x]) / sigma at their level."""
    sampler = Sampler(name, schedule_of(name), EPSILON, steps, seed=1, strength=strength)
    x, level, sigma = exact_start(sampler, (1, 4, 8, 8))
    x = advance(sampler, x, expected_clean, sampler.evaluations - 1)
    signal, noise = mix(sampler)
    exact = MEAN + (level - MEAN) * ((STD**2 + (noise / signal) ** 2) / (STD**2 + sigma**2)) ** 0.5
    return float((x / signal - exact).square().mean().sqrt()) / STD


@pytest.mark.parametrize("strength", [1.0, 0.4])
@pytest.mark.parametrize("name", DETERMINISTIC)
def test_deterministic_samplers_converge_to_the_solution_of_the_ode(name, strength):
    coarse, fine = error_of_ode(name, 20, strength), error_of_ode(name, 200, strength)
    first_order = name in ("ddim", "euler")
    assert coarse < (0.3 if first_order else 0.06)
    assert fine < coarse / (6 if first_order else 12)


@pytest.mark.parametrize("name", DIFFUSING)
def test_stochastic_samplers_end_in_the_distribution_of_the_data(name):
    # DDPM's smaller variance of the two is right only in the limit of many steps.
    steps, close = (250, 0.02) if name == "ddpm" else (100, 0.01)
    sampler = Sampler(name, schedule_of(name), EPSILON, steps, seed=1)
    x, _, _ = exact_start(sampler, (1, 4, 32, 32))
    x = advance(sampler, x, expected_clean, sampler.evaluations)
    assert abs(x.mean() - MEAN) < 0.01
    assert abs(x.std() - STD) < close


def error_of_parabola(name, steps):
    """How far two runs of one seed come apart, less the truth, if x0 is taken for λ² in one and for 0 in the other.

    λ is log(signal/sigma). Without the noise, which cancels, the reverse SDE is dx/dλ = 2·(x0 - x).
    """
    runs = [Sampler(name, "exponential", EPSILON, steps, seed=1) for _ in range(2)]
    rates = (lambda _, signal, sigma: math.log(signal / sigma) ** 2, lambda *_: 0.0)
    starts = [exact_start(run, (1, 1, 2, 2))[0] for run in runs]
    signal, sigma = mix(runs[0])
    first = math.log(signal / sigma)
    ends = [advance(run, x, rate, steps - 1) for run, x, rate in zip(runs, starts, rates, strict=True)]
    signal, sigma = mix(runs[0])
    last = math.log(signal / sigma)
    exact = (last**2 - last + 0.5) - (first**2 - first + 0.5) * math.exp(2 * (first - last))
    return abs(float((ends[0] - ends[1]).mean()) / signal - exact)


def test_the_third_order_sde_beats_the_second_and_diffusers_own(monkeypatch):
    few, many = (error_of_parabola("dpm++ 3m sde", steps) for steps in (20, 80))
    assert many < few / 12
    assert many < error_of_parabola("dpm++ 2m sde", 80) / 8
    monkeypatch.setattr(schedules.solvers, "ThirdOrderSdeScheduler", diffusers.DPMSolverMultistepScheduler)
    for cache in (schedules._constructed, schedules._pristine):
        cache.cache_clear()
    theirs = error_of_parabola("dpm++ 3m sde", 80)
    for cache in (schedules._constructed, schedules._pristine):
        cache.cache_clear()
    assert theirs > 10 * many, "diffusers has repaired its coefficient: its own class will do"

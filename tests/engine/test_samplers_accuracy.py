"""Against the exact solution for Gaussian data: a sampler that solves another equation fails."""

import math

import diffusers
import pytest
import torch
from gaussian import MEAN, STD, expected_clean

from imagine.engine.sampling import schedules
from imagine.engine.sampling.noise import Noise
from imagine.engine.sampling.sampler import Sampler
from imagine.words.samplers import SAMPLERS, pairs

# diffusers makes the schedule of dpm2 by handing tensors to numpy.
pytestmark = pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning")

EPSILON = Noise()
KINDS = {"ordinary": EPSILON, "flow": Noise(prediction="flow", shift=3.0, spacing="trailing")}
OFFERED = [(kind, SAMPLERS[name]) for kind, noise in KINDS.items() for name in pairs(noise.kind)]
DETERMINISTIC = [row.name for kind, row in OFFERED if kind == "ordinary" and not row.stochastic]
OF_FLOWS = [row.name for kind, row in OFFERED if kind == "flow" and not row.stochastic]
# Consistency samplers leap to x0 and noise it anew: no solvers of the reverse process.
DIFFUSING = [(kind, row.name) for kind, row in OFFERED if row.stochastic and row.name not in ("lcm", "tcd")]


def schedule_of(name, kind="ordinary"):
    return "karras" if "karras" in SAMPLERS[name].schedules_for(kind) else "default"


def mix(sampler):
    """What of picture and of noise the latents hold at this evaluation."""
    none, one = torch.zeros(1), torch.ones(1)
    return float(sampler.noised(one, none)), float(sampler.noised(none, one))


def at_its_level(sampler, draw):
    """Latents of Gaussian data at this evaluation's level, all of them on the way of one `draw` through the levels."""
    signal, noise = mix(sampler)
    return signal * MEAN + (signal**2 * STD**2 + noise**2) ** 0.5 * draw


def drawn(shape, seed=11):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def advance(sampler, x, clean_of, until, prediction="epsilon"):
    """Latents after `until` evaluations of a denoiser that takes x0 for `clean_of(x, signal, sigma)`.

    It is told the scheduler's own level: most schedulers round the timesteps that they tell.
    """
    while sampler.index < until:
        signal, sigma = mix(sampler)
        sampler.scale(x)
        clean = clean_of(x, signal, sigma)
        x, _ = sampler.step((x - (1 if prediction == "flow" else signal) * clean) / sigma, x)
    return x


def error_of_ode(sampler, until, prediction="epsilon"):
    """How far latents after `until` evaluations are from the solution of the probability flow ODE at their level, where
    all is scaled by what is left of the picture: dx/dsigma = (x - E[x0|x]) / sigma."""
    draw = drawn((1, 4, 8, 8))
    x = advance(sampler, at_its_level(sampler, draw), expected_clean, until, prediction)
    error = (x - at_its_level(sampler, draw)) / mix(sampler)[0]
    return float(error.square().mean().sqrt()) / STD


@pytest.mark.parametrize("strength", [1.0, 0.4])
@pytest.mark.parametrize("name", DETERMINISTIC)
def test_deterministic_samplers_converge_to_the_solution_of_the_ode(name, strength):
    runs = [Sampler(name, schedule_of(name), EPSILON, steps, seed=1, strength=strength) for steps in (20, 200)]
    coarse, fine = (error_of_ode(run, run.evaluations - 1) for run in runs)
    first_order = name in ("ddim", "euler")
    assert coarse < (0.3 if first_order else 0.06)
    assert fine < coarse / (6 if first_order else 12)


@pytest.mark.parametrize("name", OF_FLOWS)
def test_of_a_flow_errors_shrink_with_the_steps_as_the_order_has_it(name):
    """Up to one level that all have a step near: to the end the steps are as long in log sigma however many they are.

    In the middle of its pairs of steps the singlestep one is of first order."""
    errors = []
    for steps in (40, 160):
        sampler = Sampler(name, "default", KINDS["flow"], steps, seed=1)
        whole = 2 if name == "dpm++ 2s" else SAMPLERS[name].evaluations
        until = max(at for at in range(0, sampler.evaluations, whole) if sampler.timesteps[at] >= 300)
        errors.append(error_of_ode(sampler, until, "flow"))
    order = math.log(errors[0] / errors[1], 4)
    assert order > (0.9 if name == "euler" else 1.6), errors
    assert errors[1] < (0.02 if name == "euler" else 0.001)


@pytest.mark.parametrize(("kind", "name"), DIFFUSING)
def test_stochastic_samplers_end_in_the_distribution_of_the_data(kind, name):
    # DDPM's smaller variance of the two is right only in the limit of many steps; a flow's last ones are long.
    steps, close = (250, 0.02) if name == "ddpm" else (200 if kind == "flow" else 100, 0.01)
    noise = KINDS[kind]
    sampler = Sampler(name, schedule_of(name, kind), noise, steps, seed=1)
    x = at_its_level(sampler, drawn((1, 4, 32, 32)))
    x = advance(sampler, x, expected_clean, sampler.evaluations, noise.prediction)
    assert abs(x.mean() - MEAN) < 0.01
    assert abs(x.std() - STD) < close


def error_of_parabola(name, steps):
    """How far two runs of one seed come apart, less the truth, if x0 is taken for λ² in one and for 0 in the other.

    λ is log(signal/sigma). Without the noise, which cancels, the reverse SDE is dx/dλ = 2·(x0 - x).
    """
    runs = [Sampler(name, "exponential", EPSILON, steps, seed=1) for _ in range(2)]
    rates = (lambda _, signal, sigma: math.log(signal / sigma) ** 2, lambda *_: 0.0)
    starts = [at_its_level(run, drawn((1, 1, 2, 2))) for run in runs]
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

"""Samplers that are told how much noise to add: held to k-diffusion's algorithms, written out once more."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from imagine.engine.sampling.sampler import Noise, Sampler, noise_seed
from imagine.words.samplers import SAMPLERS, SamplerOptions

SHAPE = (1, 4, 8, 8)
STEPS = 12


def clean_of(latents, sigma):
    """A denoiser: of a Gaussian around 0.3."""
    return (latents + 0.3 * sigma**2) / (1 + sigma**2)


def drawn(name, options, strength=1.0, steps=STEPS):
    """What the sampler makes of noise with that denoiser, and what it asked for: timesteps."""
    sampler = Sampler(name, "default", Noise(), steps, seed=7, strength=strength, options=options)
    start = torch.randn(SHAPE, generator=torch.Generator().manual_seed(1))
    latents = sampler.churned(sampler.start(start, torch.full(SHAPE, 0.3) if strength < 1 else None))
    asked = []
    while not sampler.done:
        sigma = sigma_at(sampler.timestep)
        asked.append(sampler.timestep)
        scaled = sampler.scale(latents)
        assert torch.allclose(scaled * math.hypot(1, sigma), latents, rtol=1e-3, atol=1e-3), "of that level"
        latents, clean = sampler.step((latents - clean_of(latents, sigma)) / sigma, latents)
        assert torch.isfinite(clean).all()
        latents = sampler.churned(latents)
    return latents, asked


def trained():
    betas = np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
    left = np.cumprod(1 - betas)
    return np.sqrt((1 - left) / left)


def sigma_at(timestep):
    return float(np.exp(np.interp(timestep, np.arange(1000), np.log(trained()))))


def levels(steps=STEPS):
    """Evenly spaced timesteps, as web UIs take them, and none at last."""
    return [float(np.interp(t, np.arange(1000), trained())) for t in np.linspace(999, 0, steps)] + [0.0]


def theirs(name, options, begun=0):
    """The same, by Karras et al. 2022, algorithm 2, and k-diffusion's ancestral steps."""
    sigmas, generator = levels(), torch.Generator().manual_seed(noise_seed(7))
    start = torch.randn(SHAPE, generator=torch.Generator().manual_seed(1))
    x = start * sigmas[0] if not begun else 0.3 + start * sigmas[begun]
    for sigma, after in list(pairwise(sigmas))[begun:]:
        top = math.inf if options.s_tmax is None else options.s_tmax
        within = options.s_tmin <= sigma <= top
        gamma = min(options.s_churn / STEPS, 2**0.5 - 1) if within else 0.0
        hat = sigma * (1 + gamma)
        if gamma:
            x = x + torch.randn(SHAPE, generator=generator) * options.s_noise * math.sqrt(hat**2 - sigma**2)
        up, down = 0.0, after
        if name.endswith(" a") and after:
            up = min(after, options.eta * math.sqrt(after**2 * (sigma**2 - after**2) / sigma**2))
            down = math.sqrt(after**2 - up**2)
        slope = (x - clean_of(x, hat)) / hat
        if name.startswith("euler") or down == 0:
            x = x + slope * (down - hat)
        elif name == "heun":
            ahead = x + slope * (down - hat)
            x = x + (slope + (ahead - clean_of(ahead, down)) / down) / 2 * (down - hat)
        else:
            middle = math.sqrt(hat * down)
            ahead = x + slope * (middle - hat)
            x = x + (ahead - clean_of(ahead, middle)) / middle * (down - hat)
        if up:
            x = x + torch.randn(SHAPE, generator=generator) * options.s_noise * up
    return x


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("euler", SamplerOptions(s_churn=6, s_tmax=8)),
        ("euler", SamplerOptions(s_churn=40, s_tmin=0.5, s_tmax=8, s_noise=1.01)),
        ("heun", SamplerOptions(s_churn=6, s_tmax=8)),
        ("dpm2", SamplerOptions(s_churn=6, s_tmax=8, s_noise=0.9)),
        ("euler a", SamplerOptions(eta=0.4)),
        ("euler a", SamplerOptions(eta=0.0)),
        ("euler a", SamplerOptions(eta=1.0, s_noise=0.9)),
    ],
)
def test_steps_are_those_of_the_paper(name, options):
    # A denoiser asked at timesteps of logarithms between the training's, which is what tells the level here.
    made, asked = drawn(name, options)
    assert torch.allclose(made, theirs(name, options), atol=2e-3)
    assert len(asked) == STEPS * SAMPLERS[name].evaluations - (SAMPLERS[name].evaluations - 1)


def test_a_late_start_goes_on_alike():
    options = SamplerOptions(s_churn=6)
    made, asked = drawn("euler", options, strength=0.5)
    assert len(asked) == STEPS // 2
    assert torch.allclose(made, theirs("euler", options, begun=STEPS // 2), atol=2e-3)


@pytest.mark.parametrize("name", ["euler a", "dpm2 a"])
def test_told_what_it_does_anyway_an_ancestral_sampler_does_it(name):
    """diffusers' classes and ours take one step alike, so that `eta` has a meaning in between."""
    told, _ = drawn(name, SamplerOptions(eta=1.0), steps=24)
    plain, _ = drawn(name, None, steps=24)
    assert float((told - plain).abs().mean()) < (1e-3 if name == "euler a" else 0.3)


def test_ddim_is_told_how_much_is_drawn_anew():
    plain, some, again = map(_ddim, (0.0, 0.7, 0.7))
    assert torch.equal(some, again)
    assert not torch.allclose(plain, some, atol=0.1)


def _ddim(eta):
    sampler = Sampler("ddim", "default", Noise(), STEPS, seed=7, options=SamplerOptions(eta=eta))
    latents = sampler.start(torch.randn(SHAPE, generator=torch.Generator().manual_seed(1)))
    while not sampler.done:
        latents, _ = sampler.step(torch.tanh(latents), latents)
    return latents


@pytest.mark.parametrize("name", ["dpm++ sde", "dpm++ 2m sde", "dpm++ 3m sde"])
def test_louder_noise_is_heard(name):
    def made(loud):
        sampler = Sampler(name, "default", Noise(), 40, seed=7, options=SamplerOptions(s_noise=loud))
        latents = sampler.start(torch.randn((1, 4, 32, 32), generator=torch.Generator().manual_seed(1)))
        while not sampler.done:
            scaled = sampler.scale(latents)
            latents, _ = sampler.step(scaled * 0.6, latents)
        return float(latents.std())

    assert made(0.8) < made(1.0) < made(1.2)


def test_what_each_sampler_heeds():
    everything = SamplerOptions(eta=0.5, s_churn=3, s_tmin=1, s_tmax=9, s_noise=1.1)
    heeded = {name: row.told_by(everything, "ordinary") for name, row in SAMPLERS.items()}
    assert {name for name, (told, _) in heeded.items() if told and told.eta is not None} == {
        "ddim",
        "euler a",
        "dpm2 a",
    }
    assert {name for name, (told, _) in heeded.items() if told and told.s_churn} == {"euler", "heun", "dpm2"}
    assert heeded["unipc"] == (None, ["eta", "s_churn", "s_tmin", "s_tmax", "s_noise"])
    assert SAMPLERS["euler"].told_by(everything, "flow")[0] is None
    assert SAMPLERS["euler a"].told_by(SamplerOptions(eta=1), "ordinary") == (None, [])
    assert SAMPLERS["dpm++ sde"].told_by(SamplerOptions(eta=1), "ordinary") == (None, [])
    assert SAMPLERS["dpm++ sde"].told_by(SamplerOptions(eta=0.5), "ordinary") == (None, ["eta"])

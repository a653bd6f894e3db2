"""A second seed's noise: AUTOMATIC1111's numbers, and pictures that lie between two."""

import msgspec
import numpy as np
import pytest
import torch

from imagine.engine.sampling.latents import between, initial_noise, subseeded
from imagine.words.recipe import Hires
from tests.engine.running import engine_of, latents_of, made, wish


def theirs(low, high, part):
    """Spherical interpolation of (C, h, w) along its second axis, by the sine of angles, written out in numpy."""
    low, high = low.numpy().astype(np.float64), high.numpy().astype(np.float64)
    unit = [each / np.linalg.norm(each, axis=1, keepdims=True) for each in (low, high)]
    angle = np.arccos((unit[0] * unit[1]).sum(1, keepdims=True))
    return (np.sin((1 - part) * angle) * low + np.sin(part * angle) * high) / np.sin(angle)


@pytest.mark.parametrize("part", [0.0, 0.25, 1.0])
def test_it_is_the_numbers_of_automatic1111(part):
    low, high = initial_noise(1, (1, 4, 8, 12)), initial_noise(2, (1, 4, 8, 12))
    assert np.allclose(subseeded(low, high, part)[0].numpy(), theirs(low[0], high[0], part), atol=1e-5)


def test_it_stays_as_loud_as_noise_and_the_same_seed_changes_nothing():
    low, high = initial_noise(1, (1, 4, 32, 32)), initial_noise(2, (1, 4, 32, 32))
    assert float(subseeded(low, high, 0.5).std()) == pytest.approx(1, abs=0.05)
    assert torch.allclose(between(low, low, 0.7, 2), low)


def test_pictures_of_two_seeds_and_those_between_them(sd1):
    def drawn(seed, **said):
        return latents_of(wish(sd1, seed=seed, **said))

    one, other = drawn(1), drawn(2)
    assert torch.equal(drawn(1, subseed=2), one), "no strength"
    assert torch.allclose(drawn(1, subseed=1, subseed_strength=0.5), one, atol=1e-4)
    assert torch.allclose(drawn(1, subseed=2, subseed_strength=1.0), other, atol=1e-3)
    near, far = (drawn(1, subseed=2, subseed_strength=part) for part in (0.2, 0.8))
    assert float((near - one).norm()) < float((far - one).norm())


def test_they_are_made_again_from_the_recipe_in_both_passes(sd1):
    one = wish(sd1, subseed=2**64 - 1, subseed_strength=0.3, hires=Hires(scale=1.5, strength=0.4))
    first = made(engine_of(), one)
    assert first.meta["subseed"] == str(2**64 - 1)
    assert made(engine_of(), one).data == first.data
    without = msgspec.structs.replace(one, params=msgspec.structs.replace(one.params, subseed=None))
    assert made(engine_of(), without).data != first.data

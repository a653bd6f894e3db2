"""Noise as AUTOMATIC1111 draws it on a CPU: held to its order of drawing, written out once more."""

from itertools import pairwise

import numpy as np
import torch

from imagine.engine.sampling.latents import centred, drawing_on, initial_noise
from imagine.engine.sampling.sampler import Noise, Sampler
from imagine.words.recipe import Hires
from tests.engine.running import engine_of, latents_of, made, wish


class DrawnThere:
    """A generator for each picture: the first drawing is its noise, further ones are its sampler's."""

    def __init__(self, seed, shape, *, sized=None):
        self._generator, self._shape = torch.Generator("cpu").manual_seed(seed), shape
        self._seed, self._sized = seed, sized

    def first(self):
        """With another size's noise in the middle, if there is one: numpy's words for it."""
        own = self.next()
        if self._sized is None:
            return own
        torch.manual_seed(self._seed)
        other, made = torch.randn(self._sized).numpy(), own.numpy()
        by = [(mine - its) // 2 for mine, its in zip(made.shape[1:], other.shape[1:], strict=True)]
        kept = [its if step >= 0 else its + 2 * step for step, its in zip(by, other.shape[1:], strict=True)]
        (top, left), (skip, shift) = ([max(0, sign * step) for step in by] for sign in (1, -1))
        inner = other[:, skip : skip + kept[0], shift : shift + kept[1]]
        made[:, top : top + kept[0], left : left + kept[1]] = inner
        return torch.from_numpy(made)

    def next(self):
        return torch.randn(self._shape, generator=self._generator)


def test_noise_of_another_size_lies_where_that_program_lays_it():
    for shape, sized in (((4, 8, 12), (4, 5, 6)), ((4, 8, 12), (4, 11, 20)), ((4, 9, 8), (4, 4, 16))):
        laid = centred(initial_noise(5, (1, *shape)), initial_noise(5, (1, *sized)))
        assert torch.equal(laid[0], DrawnThere(5, shape, sized=sized).first())


def test_samplers_go_on_with_the_picture_s_own_numbers():
    """Euler's ancestral steps, by hand, each with that program's next drawing."""
    shape, steps = (4, 8, 8), 6
    rng = DrawnThere(2**40, shape)
    betas = np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
    trained = np.sqrt(1 / np.cumprod(1 - betas) - 1)
    sigmas = [*np.interp(np.linspace(999, 0, steps), np.arange(1000), trained), 0.0]
    latents = rng.first() * float(sigmas[0])
    for sigma, after in pairwise(sigmas):
        up = np.sqrt(after**2 * (sigma**2 - after**2) / sigma**2)
        answer = torch.tanh(latents / float(np.hypot(1, sigma)))
        latents = latents + answer * float(np.sqrt(after**2 - up**2) - sigma)
        latents = latents + rng.next() * float(up)
    further = drawing_on(2**40, (1, *shape))
    sampler = Sampler("euler a", "default", Noise(), steps, seed=2**40, further=further)
    ours = sampler.start(initial_noise(2**40, (1, *shape)))
    while not sampler.done:
        ours, _ = sampler.step(torch.tanh(sampler.scale(ours)), ours)
    assert torch.allclose(ours[0], latents, atol=1e-3)


def test_pictures_of_that_noise_are_others_only_where_it_is_drawn_otherwise(sd1):
    def drawn(**said):
        return latents_of(wish(sd1, seed=3, num_steps=4, **said))

    assert torch.equal(drawn(), drawn(noise="a1111-cpu")), "a picture's first noise is the same anyway"
    assert not torch.equal(drawn(sampler="euler a"), drawn(sampler="euler a", noise="a1111-cpu"))
    assert not torch.equal(drawn(), drawn(seed_width=128, seed_height=64))
    assert torch.equal(drawn(), drawn(seed_width=64, seed_height=64))
    larger = wish(sd1, seed=3, sampler="euler a", noise="a1111-cpu", hires=Hires(scale=1.5, strength=0.5), num_steps=4)
    one = made(engine_of(), larger)
    assert one.meta["noise"] == "a1111-cpu"
    assert made(engine_of(), larger).data == one.data

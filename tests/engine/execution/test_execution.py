"""The seam of a denoiser's forwards: all of them go through it, and recipes say what of it decides bits."""

import torch

from imagine.engine.execution.execution import Eager
from imagine.engine.families.open import open_model
from tests.engine.running import engine_of, made, wish


class Counted(Eager):
    """An eager one that says of itself that it isn't."""

    def __init__(self, network):
        super().__init__(network)
        self.rows, self.dropped = [], 0

    def run(self, inputs):
        self.rows.append(len(inputs.latents))
        return super().run(inputs)

    def recorded(self):
        return {"backend": "counted"}

    def drop(self):
        self.dropped += 1


def test_every_forward_goes_through_it_and_its_word_stands_in_the_recipe(sd1):
    kinds = []

    def opened(*arguments):
        family = open_model(*arguments)
        (denoiser,) = family.parts("denoise")
        denoiser.execution = Counted(denoiser.module)
        kinds.append((denoiser, denoiser.execution))
        return family

    plain = made(engine_of(), wish(sd1, num_steps=3))
    other = made(engine_of(open_model=opened), wish(sd1, num_steps=3))
    ((denoiser, kind),) = kinds
    assert kind.rows == [2, 2, 2]
    assert other.meta["environment"] == plain.meta["environment"] | {"backend": "counted"}
    denoiser.move(torch.device("cpu"))
    assert kind.dropped == 1, "nothing made of tensors that lie elsewhere now"

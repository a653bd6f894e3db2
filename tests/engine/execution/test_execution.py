"""The seam of a denoiser's forwards: all of them go through it, and recipes say what of it decides bits."""

import inspect

import pytest
import torch

from imagine.engine.execution.execution import Eager, Inputs
from imagine.engine.families.open import open_model
from tests.checkpoints import tiny_modules
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
    # It makes no shares, which take none of torch's threads.
    told = {"backend": "counted", "threads": torch.get_num_threads()}
    assert other.meta["environment"] == plain.meta["environment"] | told
    denoiser.move(torch.device("cpu"))
    assert kind.dropped == 1, "nothing made of tensors that lie elsewhere now"


@torch.inference_mode()
def test_attention_asks_for_nobodys_arguments_and_answers_the_same_bits(monkeypatch):
    unet = tiny_modules().unet
    context = torch.randn(2, 77, unet.config.cross_attention_dim)
    given = Inputs(torch.randn(2, 4, 8, 8), torch.tensor([9.0, 9.0]), context, None)
    plain = unet(*given[:3], return_dict=False)[0]
    eager = Eager(unet)
    monkeypatch.setattr(inspect, "signature", lambda _: pytest.fail("a lookup in a forward"))
    assert torch.equal(eager.run(given), plain)

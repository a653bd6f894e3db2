"""Weights of four bits are what the published tables make of them, in blocks of their own scales."""

import pytest
import torch

from imagine.engine.quantised.fours import FOUR_BITS, nested_values
from imagine.engine.quantised.tensor import Quantised
from tests.quantised_files import values_of_eight_bits, values_of_four_bits


@pytest.mark.parametrize("kind", FOUR_BITS)
def test_each_byte_is_two_values_the_upper_half_first(kind):
    table = torch.from_numpy(values_of_four_bits(kind))
    every = torch.arange(256, dtype=torch.uint8).view(8, 32)
    scale = torch.linspace(-2, 3, 8)
    made = Quantised(every, kind, (4, 128), torch.float32, scale).dequantised()
    halves = torch.stack((every >> 4, every & 15), -1).long()
    expected = (table[halves].flatten(1) * scale.double().unsqueeze(1)).view(4, 128)
    assert torch.allclose(made.double(), expected, rtol=1e-6, atol=1e-7)
    assert made.dtype == torch.float32
    assert not torch.equal(made, made[:, :1].expand_as(made))


def test_values_of_eight_bits_are_decades_from_one_down():
    assert len(nested_values()) == 256
    assert torch.allclose(nested_values().double(), torch.from_numpy(values_of_eight_bits()), rtol=1e-6, atol=0)

"""Quantised weights are, number by number, what other readers make of them; and layers use them as plain ones."""

import gguf
import numpy as np
import pytest
import torch
from torch.nn import functional

from imagine.engine.quantised.blocks import BLOCKS
from imagine.engine.quantised.eights import rotated_back
from imagine.engine.quantised.tensor import Quantised, dequantise
from imagine.formats.gguf import DEQUANTISED
from tests.quantised_files import BLOCKED, Kind, random_blocks

E4M3, E5M2 = torch.float8_e4m3fn, torch.float8_e5m2


def kept(kind="Q8_0", shape=(32, 256), dtype=torch.float32, seed=0):
    blocks, _ = random_blocks(kind, int(np.prod(shape)) // gguf.GGML_QUANT_SIZES[Kind[kind]][0], seed)
    return Quantised(torch.from_numpy(blocks), kind.lower(), shape, dtype)


def eight(stored, kind, scale=None, group=0, dtype=torch.float32):
    return Quantised(stored.view(torch.uint8).flatten(1), kind, stored.shape, dtype, scale, group)


@pytest.mark.parametrize("kind", BLOCKED)
def test_blocks_are_the_numbers_that_ggmls_own_reader_makes_of_them(kind):
    blocks, elements = random_blocks(kind, 513)
    expected = gguf.dequantize(blocks, Kind[kind])
    plain = Quantised(torch.from_numpy(blocks), kind.lower(), (513, elements), torch.float32).dequantised()
    assert np.array_equal(plain.numpy().view(np.int32), expected.view(np.int32)), "bit for bit"
    for shape in ((513, elements), (elements, 513), (27, 19, elements)):
        made = Quantised(torch.from_numpy(blocks), kind.lower(), shape, torch.bfloat16).dequantised()
        assert torch.equal(made, torch.from_numpy(expected).reshape(shape).bfloat16())


@pytest.mark.parametrize("kind", BLOCKED)
def test_one_block_is_what_it_is_among_others(kind):
    three = kept(kind, (3, gguf.GGML_QUANT_SIZES[Kind[kind]][0]))
    expected = three.dequantised()
    assert torch.equal(torch.cat([three.cut(row, row + 1).dequantised() for row in range(3)]), expected)


def test_what_is_listed_as_readable_is_read():
    assert DEQUANTISED == BLOCKS.keys() == {kind.lower() for kind in BLOCKED}


def test_in_pieces_they_are_what_they_are_at_once(monkeypatch):
    whole = kept("Q4_K", (40, 512))
    expected = whole.dequantised()
    monkeypatch.setattr("imagine.engine.quantised.tensor._PIECE", {"cpu": 700})
    assert torch.equal(whole.dequantised(), expected)


@pytest.mark.parametrize("dtype", [E4M3, E5M2])
@pytest.mark.parametrize("wide", [torch.bfloat16, torch.float16, torch.float32])
def test_each_byte_is_the_number_that_torch_widens_it_to_bit_for_bit(dtype, wide):
    every = torch.arange(256, dtype=torch.uint8).repeat(2, 1)  # with what is no number, and without
    every[1] = torch.where(every[1].view(dtype).float().isfinite(), every[1], 0)
    for stored in (every, every[1:]):
        made = eight(stored.view(dtype), str(dtype).removeprefix("torch."), dtype=wide).dequantised()
        expected = stored.view(dtype).to(wide)
        assert torch.equal(made.isnan(), expected.isnan())
        bits = torch.int32 if wide == torch.float32 else torch.int16
        assert torch.equal(made.nan_to_num(nan=0.0).view(bits), expected.nan_to_num(nan=0.0).view(bits))


@pytest.mark.parametrize("dtype", [E4M3, E5M2])
@pytest.mark.parametrize("scale", [None, torch.tensor(0.5), torch.linspace(0.1, 3, 24)])
def test_8_bit_floats_are_torchs_times_their_scale(dtype, scale):
    every = torch.arange(24 * 32, dtype=torch.int32).to(torch.uint8).view(dtype).view(24, 32)
    numbers = every.float() * (1 if scale is None else scale.reshape(-1, 1))
    made = eight(every, str(dtype).removeprefix("torch."), scale).dequantised()
    assert torch.equal(made.nan_to_num(), numbers.nan_to_num())


def hadamard(size):
    """The matrix, multiplied out."""
    four = torch.tensor([[1, 1, 1, -1], [1, 1, -1, 1], [1, -1, 1, 1], [-1, 1, 1, 1]]) / 2
    made = torch.ones(1, 1)
    while len(made) < size:
        made = torch.kron(made, four)
    return made


@pytest.mark.parametrize("group", [4, 16, 256])
def test_integers_are_times_their_scale_and_rotated_back(group):
    weights = torch.randn(6, 512, generator=torch.Generator().manual_seed(0))
    rotated = (weights.view(6, -1, group) @ hadamard(group).T).view(6, 512)
    scale = rotated.abs().amax(1) / 127
    stored = (rotated / scale[:, None]).round().to(torch.int8)
    plain = eight(stored, "int8", scale).dequantised()
    assert torch.equal(plain, stored.float() * scale[:, None])
    assert torch.allclose(rotated_back(rotated, group), weights, atol=1e-5)
    made = eight(stored, "int8", scale, group).dequantised()
    assert torch.allclose(made, (plain.view(6, -1, group) @ hadamard(group)).view(6, 512), atol=1e-5)
    assert torch.nn.functional.mse_loss(made, weights) < 1e-3


LAYERS = {
    "linear": (lambda weight, bias: functional.linear(torch.ones(2, 3, 256), weight, bias), (32, 256)),
    "convolution": (lambda weight, bias: functional.conv2d(torch.ones(2, 64, 5, 5), weight, bias), (32, 64, 2, 2)),
    "words": (lambda weight, bias: functional.embedding(torch.tensor([[3, 0], [31, 3]]), weight), (32, 256)),
    "half a word a block": (lambda weight, bias: functional.embedding(torch.tensor([3, 0]), weight), (32, 48)),
    "any other": (lambda weight, bias: torch.linalg.vector_norm(weight + 1, dim=1) + bias, (32, 256)),
    "a column": (lambda weight, bias: weight[:, 3], (32, 256)),
}


@pytest.mark.parametrize("layer", LAYERS)
def test_layers_do_with_them_what_they_do_with_their_numbers(layer):
    work, shape = LAYERS[layer]
    for weight in (kept(shape=shape), eight(torch.randn(shape).to(E4M3), "float8_e4m3fn", torch.rand(32))):
        bias = torch.linspace(-1, 1, 32)
        for mode in (torch.no_grad, torch.inference_mode):
            with mode():
                assert torch.equal(work(weight, bias), work(weight.dequantised(), bias))
                assert not isinstance(work(weight, bias), Quantised)


@pytest.mark.parametrize("scale", [None, torch.tensor(2.0), torch.rand(24)])
def test_what_is_cut_out_of_them_is_kept_too(scale):
    whole = eight(torch.randn(24, 64).to(E4M3), "float8_e4m3fn", scale)
    parts = [*whole.chunk(3), *whole.split(10), whole[3:5], whole[-4:], kept("Q4_K", (24, 512))[8:16]]
    assert all(isinstance(part, Quantised) for part in parts)
    numbers = whole.dequantised()
    expected = [*numbers.chunk(3), *numbers.split(10), numbers[3:5], numbers[-4:]]
    assert all(torch.equal(part.dequantised(), one) for part, one in zip(parts, expected, strict=False))
    assert parts[0].data_ptr() == whole.data_ptr(), "no copy"
    across = kept("Q4_K", (8, 32))  # a block for all of the rows
    assert torch.equal(across[2:5], across.dequantised()[2:5])


def test_a_network_counts_moves_and_widens_them_as_they_are_stored():
    layer = torch.nn.Linear(256, 32, bias=False)
    layer.weight = torch.nn.Parameter(kept(dtype=torch.bfloat16), requires_grad=False)
    assert layer.weight.nbytes == 32 * 8 * 34
    for change in (lambda: layer.to(torch.float16), lambda: layer.to(memory_format=torch.channels_last), layer.float):
        change()
        assert isinstance(layer.weight, Quantised), layer.weight
    assert layer.weight.dtype == torch.float32
    assert torch.equal(layer.weight.dequantised(), kept().dequantised())
    with pytest.raises(TypeError, match="never changed"):
        layer.weight.zero_()
    dequantise(layer)
    assert torch.equal(layer.weight, kept().dequantised())
    assert not isinstance(layer.weight, Quantised)

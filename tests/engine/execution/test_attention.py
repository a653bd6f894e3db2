"""Attention done a head at a time: no greater error, no key lost, and no slot, neighbour or thread that tells."""

import copy
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from diffusers.models.attention import BasicTransformerBlock
from torch.nn.functional import scaled_dot_product_attention

from imagine.engine.execution import attention as attending
from imagine.engine.execution.attention import HeadsApart
from imagine.engine.execution.flow import attends_to_itself, shorten
from imagine.engine.execution.packed import pack, scale, unbiased, unpacked
from tests.engine.execution.test_packed import CPU, LARGE, can_pack, error, told

pytestmark = pytest.mark.skipif(not can_pack(CPU, told(*LARGE)), reason="this machine's torch has no such kernels")
HALF = torch.bfloat16


def tokens(rows=1, count=200, heads=2, width=40, seed=0):
    """Queries, which are scaled, keys and values, as far from each other as trained ones are."""
    generator = torch.Generator().manual_seed(seed)
    query, key, value = torch.randn(3, rows, count, heads, width, generator=generator)
    return [each.to(HALF) for each in (query * width**-0.5, key * 3, value)]


def truth(query, key, value):
    wide = (each.double().transpose(1, 2) for each in (query, key, value))
    return scaled_dot_product_attention(*wide, scale=1).transpose(1, 2)


def block(channels, heads):
    """Of which the attention among its own tokens is all that adds to them."""
    torch.manual_seed(0)
    made = BasicTransformerBlock(channels, heads, channels // heads, cross_attention_dim=64).requires_grad_(False)
    own = made.attn1
    for layer in (own.to_q, own.to_k, own.to_v, own.to_out[0]):
        layer.weight.normal_(0, channels**-0.5)
    own.to_k.weight.mul_(2)
    for last in (made.attn2.to_out[0], made.ff.net[2]):
        last.weight.zero_()
        last.bias.zero_()
    return made.to(HALF)


def laid_out(block, apart):
    """As a packed network has it."""
    for module in block.modules():
        if attends_to_itself(module):
            scale(module.to_q, (module.to_q.out_features // module.heads) ** -0.5, lambda *_: None)
            module.apart = apart
        pack(module, lambda *_: None)
        shorten(module)
    return block


@torch.inference_mode()
@pytest.mark.parametrize(("channels", "heads"), [(320, 8), (640, 10), (640, 8)])
def test_a_layer_errs_no_more_than_with_attention_of_torch(channels, heads):
    plain = block(channels, heads)
    short = laid_out(copy.deepcopy(plain), HeadsApart(worth=0))
    value, context = torch.randn(1, 1100, channels).to(HALF), torch.randn(1, 7, 64).to(HALF)
    wide = copy.deepcopy(plain).double()(value.double(), encoder_hidden_states=context.double())
    assert error(short(value, context), wide) <= error(plain(value, encoder_hidden_states=context), wide)


@torch.inference_mode()
@pytest.mark.parametrize("count", [1, 7, 1024, 1500])
@pytest.mark.parametrize("width", [40, 64, 80])
def test_it_is_attention_for_any_number_of_tokens(count, width):
    given = tokens(count=count, width=width)
    assert error(HeadsApart().attend(*given), truth(*given)) < 4e-3


@torch.inference_mode()
def test_a_key_far_above_all_that_were_looked_at_is_found(monkeypatch):
    query, key, value = tokens(count=600)
    key[:, 3] *= 60  # of 600, every fourth is looked at
    looked = []
    product = attending._product
    monkeypatch.setattr(attending, "_product", lambda *given: looked.append(given[2:]) or product(*given))
    made = HeadsApart().attend(query, key, value)
    assert error(made, truth(query, key, value)) < 4e-3
    assert len(looked) == 2 * (1 + 2 + 1 + 2), "of each head: looked at some, weighed, looked at all, weighed again"


@torch.inference_mode()
def test_no_row_tells_of_others_and_no_thread_of_its_number():
    query, key, value = tokens(rows=3, count=300)
    apart = HeadsApart()
    answer = apart.attend(query, key, value)
    alone = HeadsApart(lambda _: ThreadPoolExecutor(1, "", torch.set_num_threads, (1,)))
    for row in range(3):
        own = slice(row, row + 1)
        assert torch.equal(alone.attend(query[own], key[own], value[own]), answer[own])
    rolled = (each.roll(1, 0) for each in (query, key, value))
    assert torch.equal(apart.attend(*rolled), answer.roll(1, 0))


@torch.inference_mode()
@pytest.mark.parametrize("gain", [40**-0.5, 0.125])
def test_a_scaled_layer_still_tells_its_weights_and_what_it_maps_to(gain):
    layer = torch.nn.Linear(320, 320, bias=False).requires_grad_(False).to(HALF)
    weight, value = layer.weight.clone(), torch.randn(5, 320).to(HALF)
    scale(layer, gain, lambda *_: None)
    assert torch.equal(unpacked(layer), weight)
    assert error(unbiased(layer, value), value.float() @ weight.float().T) < 4e-3
    assert error(layer(value), value.float() @ weight.float().T * gain) < 2e-3


@torch.inference_mode()
def test_what_is_no_number_stays_none():
    query, key, value = tokens()
    query[0, 5, 0, 3] = float("nan")
    lost = HeadsApart().attend(query, key, value).isnan().any(-1)[0]
    assert lost.nonzero().tolist() == [[5, 0]]


def test_few_tokens_are_left_to_torch():
    apart = HeadsApart()
    worth = {(4096, 8, 40): True, (1024, 8, 80): False, (1024, 20, 64): False, (1024, 8, 40): False, (77, 8, 40): False}
    for (count, heads, width), expected in worth.items():
        for rows in (1, 8):
            assert apart.is_worth(torch.empty(rows, count, heads, width)) is expected

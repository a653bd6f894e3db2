"""Files with weights of four bits, as bitsandbytes has them: opened without a copy, drawn nearly as what they were."""

from functools import partial

import pytest
import torch
from safetensors.torch import load_file

from imagine.engine.loading.single_file import load_single_file
from imagine.engine.quantised.tensor import Quantised
from imagine.words.errors import UnusableModel
from tests.checkpoints import UNET, save, write_checkpoint
from tests.engine.test_loading_quantised import drawn_with, model_of, psnr
from tests.quantised_files import in_four_bits

QUERY = f"{UNET}middle_block.1.transformer_blocks.0.attn1.to_q.weight"


def write_four(path, plain, kind, *, nested=False):
    """The checkpoint `plain`, with the matrices of its U-Net in four bits: what a reader should make of those."""
    tensors, expected = {}, {}
    for name, tensor in load_file(plain).items():
        if name.startswith(UNET) and name.endswith(".weight") and tensor.dim() == 2 and not tensor.numel() % 64:
            stored, expected[name] = in_four_bits(name, tensor, kind, nested=nested)
            tensors |= stored
        else:
            tensors[name] = tensor
    save(path, tensors)
    return expected


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    path = tmp_path_factory.mktemp("plain") / "plain.safetensors"
    write_checkpoint(path, dtype=torch.float16)
    return path


@pytest.mark.parametrize(("kind", "nested"), [("nf4", False), ("nf4", True), ("fp4", False)])
def test_four_bits_are_kept_and_drawn_nearly_as_sixteen(tmp_path, plain, kind, nested):
    path = tmp_path / "four.safetensors"
    expected = write_four(path, plain, kind, nested=nested)
    loaded = load_single_file(model_of(path), device=torch.device("cpu"))
    kept = [weight for weight in loaded.unet.parameters() if isinstance(weight, Quantised)]
    assert {weight.kind for weight in kept} == {kind}
    assert len(kept) == len(expected) > 20
    query = loaded.unet.mid_block.attentions[0].transformer_blocks[0].attn1.to_q.weight
    made = query.dequantised().double()
    assert torch.allclose(made, expected[QUERY], rtol=2**-10, atol=1e-6)
    assert 15 < psnr(drawn_with(model_of(path)), drawn_with(model_of(plain))) < 70


def without(end, tensors):
    del tensors[QUERY + end]


def other(end, change, tensors):
    tensors[QUERY + end] = change(tensors[QUERY + end])


@pytest.mark.parametrize(
    ("nested", "change"),
    [
        (False, partial(without, ".absmax")),
        (False, partial(without, ".quant_map")),
        (True, partial(without, ".nested_absmax")),
        (True, partial(without, ".nested_quant_map")),
        (False, partial(other, ".quant_map", lambda table: table * 1.01)),
        (True, partial(other, ".nested_quant_map", lambda table: table.flip(0).contiguous())),
        (False, partial(other, ".absmax", lambda scale: scale[1:].clone())),
        (False, partial(other, ".absmax", torch.Tensor.half)),
        (True, partial(other, ".absmax", torch.Tensor.float)),
        (False, partial(other, "", lambda stored: stored[1:].clone())),
        (False, partial(other, "", lambda stored: stored.view(torch.int8))),
    ],
)
def test_what_is_not_as_it_is_said_to_be_is_refused(tmp_path, plain, nested, change):
    path = tmp_path / "odd.safetensors"
    write_four(path, plain, "nf4", nested=nested)
    tensors = load_file(path)
    change(tensors)
    save(path, tensors)
    with pytest.raises(UnusableModel, match="to_q"):
        load_single_file(model_of(path), device=torch.device("cpu"))

"""Transformers in their original layout: every tensor is diffusers' own, and a view of the file's."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from diffusers import ChromaTransformer2DModel, Flux2Transformer2DModel, FluxTransformer2DModel
from diffusers.loaders.single_file_utils import (
    convert_chroma_transformer_checkpoint_to_diffusers,
    convert_flux2_transformer_checkpoint_to_diffusers,
    convert_flux_transformer_checkpoint_to_diffusers,
)
from safetensors.torch import save_file
from torch import Tensor

from imagine.engine.loading.checkpoint_file import CheckpointFile
from imagine.engine.loading.eight_bits import with_eight_bits_kept
from imagine.engine.loading.maps import chroma, flux, flux2
from imagine.engine.loading.maps.layout import Taken
from imagine.engine.loading.networks import network_of
from imagine.engine.loading.rows_of import RowsOf
from imagine.engine.loading.transformer_names import TransformerWeights, shapes_of, with_diffusers_names
from imagine.engine.loading.weights import Weights, read_all
from imagine.engine.quantised.tensor import Quantised
from imagine.words.errors import UnusableModel
from tools.original_layout import original_tensors

TINY = {
    "num_layers": 2, "num_single_layers": 2, "attention_head_dim": 16, "num_attention_heads": 2,
    "joint_attention_dim": 24, "axes_dims_rope": [4, 6, 6],
}  # fmt: skip
APPROXIMATED = {"approximator_num_channels": 16, "approximator_hidden_dim": 20, "approximator_layers": 2}


def tiny_flux(*, guidance: bool = True, in_channels: int = 64) -> FluxTransformer2DModel:
    torch.manual_seed(0)
    return FluxTransformer2DModel(
        **TINY, pooled_projection_dim=20, guidance_embeds=guidance, in_channels=in_channels, out_channels=64
    )


def tiny_chroma() -> ChromaTransformer2DModel:
    torch.manual_seed(0)
    return ChromaTransformer2DModel(**TINY, **APPROXIMATED, out_channels=64)


def tiny_flux2(*, guidance: bool = False) -> Flux2Transformer2DModel:
    torch.manual_seed(0)
    return Flux2Transformer2DModel(
        **TINY | {"axes_dims_rope": [4, 4, 4, 4]}, in_channels=128, out_channels=128, guidance_embeds=guidance
    )


NETWORKS = {
    "dev": (tiny_flux, flux),
    "schnell": (lambda: tiny_flux(guidance=False), flux),
    "fill": (lambda: tiny_flux(in_channels=384), flux),
    "chroma": (tiny_chroma, chroma),
    "klein": (tiny_flux2, flux2),
    "flux2 dev": (lambda: tiny_flux2(guidance=True), flux2),
}


def written(folder: Path, tensors: dict[str, Tensor]) -> Weights:
    save_file({name: tensor.contiguous().clone() for name, tensor in tensors.items()}, folder / "one.safetensors")
    return CheckpointFile(str(folder / "one.safetensors"))


def under_theirs(weights: Weights, family: object) -> Weights:
    return named(weights, family).weights


def named(weights: Weights, family: object) -> TransformerWeights:
    return with_diffusers_names(weights, original="img_in.weight", theirs="x_embedder.weight", taken=family.taken)


@pytest.mark.parametrize("prefix", ["", "model.diffusion_model.", "theirs"])
@pytest.mark.parametrize("name", NETWORKS)
def test_every_layout_gives_the_network_that_was_written(tmp_path: Path, name: str, prefix: str) -> None:
    made, family = NETWORKS[name]
    network = made()
    state = dict(network.state_dict())
    tensors = state if prefix == "theirs" else original_tensors(state, family.LAYOUT, prefix)
    beside = {} if prefix in ("", "theirs") else {"vae.decoder.conv_in.weight": torch.zeros(1)}
    weights, unknown = named(written(tmp_path, tensors | beside), family)
    assert not unknown
    read, config = read_all(weights), family.config(shapes_of(weights))
    assert read.keys() == state.keys()
    assert all(torch.equal(read[each], state[each]) for each in state)
    assert shapes_of(weights) == {each: tuple(tensor.shape) for each, tensor in read.items()}
    assert config.items() <= dict(network.config).items()
    filled = network_of(name, lambda: type(network)(**config), read).fill(torch.device("cpu"), torch.float32)
    assert all(torch.equal(tensor, state[each]) for each, tensor in filled.state_dict().items())
    made_anew = dict(filled.named_buffers())
    assert all(torch.equal(made_anew[each], buffer) for each, buffer in network.named_buffers())


def test_rows_are_views_of_the_file_and_only_what_is_swapped_is_a_copy(tmp_path: Path) -> None:
    file = written(tmp_path, original_tensors(dict(tiny_flux().state_dict()), flux.LAYOUT))
    weights = under_theirs(file, flux)
    ends = [(tensor.data_ptr(), tensor.data_ptr() + tensor.nbytes) for tensor in map(file.read, file.names)]
    low, high = min(start for start, _ in ends), max(end for _, end in ends)
    copied = {name for name in weights.names if not low <= weights.read(name).data_ptr() < high}
    assert copied == {"norm_out.linear.weight", "norm_out.linear.bias"}


@pytest.mark.parametrize("name", ["dev", "chroma"])
def test_names_and_rows_are_those_of_diffusers_own_converter(tmp_path: Path, name: str) -> None:
    """It knows a width of 3,072 alone: so wide, and of a column each, since it cuts rows only."""
    made, family = NETWORKS[name]
    original = original_tensors(dict(made().state_dict()), family.LAYOUT)
    long = {each: tensor for each, tensor in original.items() if ".1." not in each or not each.startswith(("d", "s"))}
    start, tall = 0, dict[str, Tensor]()
    for each, tensor in long.items():
        rows = {96: 3 * 3072, 64: 2 * 3072, 224: 7 * 3072}.get(len(tensor), 3072)
        tall[each] = torch.arange(start, start + rows).reshape(-1, *[1] * (tensor.dim() - 1))
        start += rows
    if name == "chroma":
        convert = convert_chroma_transformer_checkpoint_to_diffusers
    else:
        convert = convert_flux_transformer_checkpoint_to_diffusers
    read, expected = read_all(under_theirs(written(tmp_path, tall), family)), convert(dict(tall))
    assert read.keys() == expected.keys()
    assert all(torch.equal(read[each], expected[each]) for each in expected)


def test_flux2_is_cut_as_diffusers_own_converter_cuts_it(tmp_path: Path) -> None:
    original = original_tensors(dict(tiny_flux2(guidance=True).state_dict()), flux2.LAYOUT)
    read = read_all(under_theirs(written(tmp_path, original), flux2))
    expected = convert_flux2_transformer_checkpoint_to_diffusers(dict(original))
    assert read.keys() == expected.keys()
    assert all(torch.equal(read[each], expected[each]) for each in expected)


def test_eight_bits_stay_so_in_their_rows(tmp_path: Path) -> None:
    state = dict(tiny_flux().state_dict())
    tensors = original_tensors(state, flux.LAYOUT)
    fused = "double_blocks.0.img_attn.qkv.weight"
    tensors[fused] = (tensors[fused] * 8).to(torch.float8_e4m3fn)
    tensors["double_blocks.0.img_attn.qkv.scale_weight"] = torch.tensor(0.125)
    tensors["scaled_fp8"] = torch.zeros(2, dtype=torch.float8_e4m3fn)
    weights = under_theirs(with_eight_bits_kept(written(tmp_path, tensors), torch.float32), flux)
    whole = tensors[fused].float() * 0.125
    for place, name in enumerate(("to_q", "to_k", "to_v")):
        rows = weights.read(f"transformer_blocks.0.attn.{name}.weight")
        assert isinstance(rows, Quantised)
        assert rows.nbytes <= 32 * 32 + 4
        assert torch.equal(rows.dequantised(), whole[32 * place : 32 * (place + 1)])


def test_another_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnusableModel, match=r"img_in\.weight"):
        under_theirs(written(tmp_path, {"joint_blocks.0.x.weight": torch.zeros(1)}), flux)


def test_a_row_too_many_is_missed_in_its_shape(tmp_path: Path) -> None:
    weights = RowsOf(written(tmp_path, {"one": torch.zeros(5, 2)}), {"a": Taken("one", 2, 9), "b": Taken("one", 1, 3)})
    assert weights.shape("a") == (3, 2) == tuple(weights.read("a").shape)
    assert weights.shape("b") == (2, 2)

"""Files of quantised weights: opened without a copy, drawn nearly as what they were made of, and with LoRAs beside."""

import gc
import json
import math
from functools import partial

import gguf
import msgspec
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from imagine.engine.loading.assembly import fill
from imagine.engine.loading.gguf_file import GgufFile
from imagine.engine.loading.networks import t5_network
from imagine.engine.loading.single_file import load_single_file
from imagine.engine.parts.t5 import T5Config, T5Encoder
from imagine.engine.quantised.tensor import Quantised
from imagine.words.errors import UnusableModel
from tests.checkpoints import UNET, save, tiny_modules, write_checkpoint, write_parts
from tests.engine.adapters.low_rank import used, write_low_rank
from tests.engine.running import engine_of, made, picture, wish
from tests.engine.test_loading_memory import is_mapped, linux, resident
from tests.engine.test_loading_parts import assembled
from tests.models import model_at
from tests.quantised_files import write_gguf

CPU = torch.device("cpu")
E4M3, E5M2 = torch.float8_e4m3fn, torch.float8_e5m2
OPTIONS = {"options": {"resolution": 64}}


def model_of(path):
    return model_at(path, family="stable_diffusion", **OPTIONS)


def mark(**said):
    return torch.tensor(list(json.dumps(said).encode()), dtype=torch.uint8)


def stored_as(layout, name, weight):
    """A layer's matrix in a layout that files have: the tensors of the file."""
    layer, rows = name.removesuffix(".weight"), (-1, *[1] * (weight.dim() - 1))
    if layout in (E4M3, E5M2):
        return {name: weight.to(layout)}
    if layout == "scaled_fp8":
        scale = weight.abs().max() / 448
        return {name: (weight / scale).to(E4M3), f"{layer}.scale_weight": scale, f"{layer}.scale_input": torch.ones(1)}
    if layout == "marked":
        scale = weight.abs().flatten(1).amax(1) / 448
        return {
            name: (weight / scale.reshape(rows)).to(E4M3), f"{layer}.weight_scale": scale.reshape(rows),
            f"{layer}.comfy_quant": mark(format="float8_e4m3fn", full_precision_matrix_mult=True),
        }  # fmt: skip
    scale = weight.abs().max() / 127
    return {
        name: (weight / scale).round().to(torch.int8), f"{layer}.weight_scale": scale,
        f"{layer}.comfy_quant": mark(format="int8_tensorwise"),
        f"{layer}.input_scale": torch.ones(1),
    }  # fmt: skip


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A checkpoint in float16, and its picture."""
    path = tmp_path_factory.mktemp("plain") / "plain.safetensors"
    write_checkpoint(path, dtype=torch.float16)
    return path, drawn_with(model_of(path))


def drawn_with(model, *adapters):
    return picture(made(engine_of(), msgspec.structs.replace(wish(model, num_steps=2), adapters=adapters)))


def write_eight(path, layout, plain):
    """The checkpoint `plain`, its U-Net with its matrices in that layout."""
    tensors = {"scaled_fp8": torch.zeros(2, dtype=E4M3)} if layout == "scaled_fp8" else {}
    for name, tensor in load_file(plain).items():
        matrix = name.startswith(UNET) and name.endswith(".weight") and tensor.dim() > 1
        tensors |= stored_as(layout, name, tensor.float()) if matrix else {name: tensor}
    save(path, tensors)


LAYOUTS = {
    "plain e4m3": E4M3,
    "plain e5m2": E5M2,
    "scaled_fp8": "scaled_fp8",
    "marked": "marked",
    "int8": "int8",
}
LEAST = {"plain e5m2": 20, "plain e4m3": 26}
"""Decibels between a picture and that of the weights in float16, of tiny networks of random weights."""


def psnr(one, other):
    error = np.mean((np.asarray(one, dtype=float) - np.asarray(other, dtype=float)) ** 2)
    return math.inf if not error else 10 * math.log10(255**2 / error)


@pytest.mark.parametrize("name", LAYOUTS)
def test_eight_bits_are_kept_and_drawn_nearly_as_sixteen(tmp_path, plain, name):
    path = tmp_path / "eight.safetensors"
    write_eight(path, LAYOUTS[name], plain[0])
    loaded = load_single_file(model_of(path), device=CPU)
    assert loaded.report.warnings == []
    kept = [weight for weight in loaded.unet.parameters() if isinstance(weight, Quantised)]
    assert len(kept) == sum(weight.dim() > 1 for weight in loaded.unet.parameters())
    layer = loaded.unet.mid_block.attentions[0].transformer_blocks[0].attn1.to_q
    stored, query = load_file(path), f"{UNET}middle_block.1.transformer_blocks.0.attn1.to_q"
    scale = next((stored[query + end] for end in (".scale_weight", ".weight_scale") if query + end in stored), 1.0)
    assert torch.equal(layer.weight.dequantised(), (stored[f"{query}.weight"].float() * scale).half())
    assert LEAST.get(name, 30) < psnr(drawn_with(model_of(path)), plain[1]) < 70


def write_gguf_model(folder, family="sdxl", kind="Q8_0", *, diffusers=False):
    """A model whose U-Net lies in a GGUF file, as city96's converter makes them: the model, that of float files, and
    what a reader should make of each tensor."""
    modules = tiny_modules(family)
    paths = write_parts(folder, modules, layout="diffusers" if diffusers else "bare")
    path = folder / "unet.gguf"
    expected = write_gguf(path, load_file(paths["denoiser"]), kind, architecture=family)
    whole = assembled(paths, family, **OPTIONS)
    return assembled(paths | {"denoiser": path}, family, **OPTIONS), whole, expected


@pytest.mark.parametrize(("family", "kind", "least"), [("stable_diffusion", "Q4_0", 18), ("sdxl", "Q8_0", 35)])
def test_a_gguf_is_kept_and_drawn_nearly_as_what_it_was_made_of(tmp_path, family, kind, least):
    model, whole, expected = write_gguf_model(tmp_path, family, kind, diffusers=family == "sdxl")
    loaded = load_single_file(model, device=CPU, dtype=torch.float32)
    weights = dict(loaded.unet.named_parameters())
    assert sum(isinstance(weight, Quantised) for weight in weights.values()) > 40
    if family == "sdxl":  # the file has diffusers' names
        assert weights.keys() == expected.keys()
        for name, weight in weights.items():
            numbers = weight.dequantised() if isinstance(weight, Quantised) else weight
            assert torch.equal(numbers, torch.from_numpy(expected[name])), name
    before = drawn_with(whole)
    assert least < psnr(drawn_with(model), before) < 70
    if family == "sdxl":
        write_low_rank(tmp_path / "a.safetensors", {"denoiser": tiny_modules("sdxl").unet}, 1, rank=2)
        adapted, expected = (drawn_with(each, used(tmp_path / "a.safetensors", "aaaa")) for each in (model, whole))
        assert psnr(adapted, expected) > 30 > psnr(adapted, before), "as much as beside plain layers"


def written_as_llama_cpp_does(folder, architecture, tensors, named):
    """The tensors in blocks, under other names; what a reader should make of each."""
    theirs = {named(name): tensor for name, tensor in tensors.items()}
    expected = write_gguf(folder / "x.gguf", theirs, architecture=architecture, reshaped=False)
    return {name: torch.from_numpy(expected[named(name)]) for name in tensors}


def numbers(weight):
    return weight.dequantised() if isinstance(weight, Quantised) else weight


def test_a_t5_is_read_from_a_gguf_by_the_names_that_llama_cpp_gives(tmp_path):
    config = T5Config(d_model=128, d_ff=256, num_layers=2, num_heads=2, vocab_size=64)
    plain = T5Encoder(config).requires_grad_(False)
    for parameter in plain.parameters():
        torch.nn.init.normal_(parameter)  # its norms are made of whatever lay there
    theirs = gguf.get_tensor_name_map(gguf.MODEL_ARCH.T5ENCODER, config.num_layers)
    named = partial(theirs.get_name, try_suffixes=(".weight",))
    expected = written_as_llama_cpp_does(tmp_path, "t5encoder", plain.state_dict(), named)
    network = t5_network(GgufFile(str(tmp_path / "x.gguf"), torch.float32))
    made = fill(network.module, network.tensors, CPU, torch.float32)
    weights = dict(made.named_parameters())
    assert weights.keys() == expected.keys()
    assert all(torch.equal(numbers(weights[name]), expected[name]) for name in expected)
    assert sum(isinstance(weight, Quantised) for weight in weights.values()) > 14
    plain.load_state_dict(expected)
    ids = torch.tensor([[3, 63, 0, 1]])
    with torch.inference_mode():
        assert torch.equal(made(ids), plain(ids))


def clips_name(name):
    """What clip.cpp's converter makes of transformers' names, in which `fc1` is `down`."""
    for theirs, ours in (
        ("text_model.", "t."), ("encoder.layers.", "blk."), ("embeddings.", ""), ("_proj", ""), ("self_attn.", "attn_"),
        ("layer_norm", "ln"), ("mlp.fc1", "ffn_down"), ("mlp.fc2", "ffn_up"), ("embedding", "embd"), ("final", "post"),
    ):  # fmt: skip
        name = name.replace(theirs, ours)
    return name


def test_a_clip_is_read_from_a_gguf_by_the_names_that_clip_cpp_gives(tmp_path):
    (clip,) = tiny_modules("stable_diffusion").text_encoders
    plain = {f"text_model.{name}": tensor for name, tensor in clip.state_dict().items()}
    expected = written_as_llama_cpp_does(tmp_path, "clip", plain, clips_name)
    file = GgufFile(str(tmp_path / "x.gguf"), torch.float32)
    assert set(file.names) == set(expected)
    assert all(torch.equal(numbers(file.read(name)).float(), expected[name]) for name in expected)


def test_two_names_that_come_to_one_are_refused(tmp_path):
    tensors = {"shared.weight": torch.zeros(8, 256), "token_embd.weight": torch.zeros(8, 256)}
    write_gguf(tmp_path / "x.gguf", tensors, architecture="t5encoder")
    with pytest.raises(UnusableModel, match="twice"):
        GgufFile(str(tmp_path / "x.gguf"), torch.float32)


@linux
def test_a_model_takes_what_its_file_has(tmp_path):
    modules = tiny_modules("sdxl", unet={"block_out_channels": [128, 256, 256], "attention_head_dim": [2, 4, 4]})
    path = tmp_path / "unet.gguf"
    paths = write_parts(tmp_path, modules)
    write_gguf(path, load_file(paths["denoiser"]))
    model = assembled(paths | {"denoiser": path}, "sdxl", **OPTIONS)
    load_single_file(model, device=CPU, dtype=torch.bfloat16)  # what is only ever loaded once is no part of it
    gc.collect()
    before = resident("RssAnon")
    loaded = load_single_file(model, device=CPU, dtype=torch.bfloat16)
    files = path.stat().st_size
    grown = resident("RssAnon") - before
    assert grown < 0.05 * files + sum(p.stat().st_size for role, p in paths.items() if role != "denoiser")
    size = sum(weight.nbytes for weight in loaded.unet.parameters())
    assert size <= 1.05 * files
    assert is_mapped(path)


@pytest.mark.parametrize(
    ("extra", "why"),
    [
        ({".comfy_quant": mark(format="nvfp4")}, "nvfp4"),
        ({".comfy_quant": mark(format="int8_tensorwise", convrot=True, convrot_groupsize=48)}, "convrot"),
        ({".comfy_quant": mark(format="float8_e4m3fn", smooth=True)}, "float8_e4m3fn smooth"),
        ({".comfy_quant": mark(format="float8_e5m2")}, "not understood"),
        ({".comfy_quant": torch.zeros(3, dtype=torch.uint8)}, "not understood"),
        ({".comfy_quant": torch.zeros(2)}, "not understood"),
        ({".weight_scale": torch.ones(3)}, "the scale of its tensor"),
        ({".weight_scale": torch.ones(8, 8)}, "the scale of its tensor"),
        ({".weight_scale_2": torch.ones(1)}, "scales of scales"),
        ({".pre_quant_scale": torch.ones(1)}, "scales of scales"),
    ],
)
def test_what_is_not_understood_is_refused_and_never_drawn(tmp_path, extra, why):
    query = f"{UNET}middle_block.1.transformer_blocks.0.attn1.to_q"
    path = tmp_path / "odd.safetensors"
    write_checkpoint(path, dtype=E4M3, extra={query + end: tensor for end, tensor in extra.items()})
    with pytest.raises(UnusableModel, match=why):
        load_single_file(model_of(path), device=CPU)


@pytest.mark.parametrize("cut", [0.3, 0.9, 0.999])
def test_a_gguf_that_ends_early_is_refused(tmp_path, cut):
    model, _, _ = write_gguf_model(tmp_path, "stable_diffusion")
    path = tmp_path / "unet.gguf"
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * cut)])
    with pytest.raises(UnusableModel, match="GGUF header is broken, or the file is truncated"):
        load_single_file(model, device=CPU)

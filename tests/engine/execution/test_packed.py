"""A packed network answers as the network does, lays its weights out once, and moves nothing that needn't move."""

import copy
from collections import Counter
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import save_file
from torch.utils._python_dispatch import TorchDispatchMode

from imagine.engine.adapters.adapter import Adapter, Bound
from imagine.engine.adapters.mix import Mix, MixRows, Strengths
from imagine.engine.execution.attention import HeadsApart
from imagine.engine.execution.execution import Eager, Inputs
from imagine.engine.execution.packed import Packed, can_pack, pack, scale
from imagine.engine.execution.shares import Shared
from imagine.engine.loading.checkpoint_file import CheckpointFile
from imagine.engine.parts.running import execution_for
from imagine.engine.quantised.tensor import Quantised, dequantise
from imagine.files.mapped import release
from tests.checkpoints import tiny_modules

CPU = torch.device("cpu")
LARGE = (320, 640, 1280, 1280)


def told(*widths):
    """A network of which no more is known."""
    return SimpleNamespace(config=SimpleNamespace(block_out_channels=widths))


pytestmark = pytest.mark.skipif(not can_pack(CPU, told(*LARGE)), reason="this machine's torch has no such kernels")
FAMILIES = ("stable_diffusion", "sdxl")
PASSES = ("aten.add", "aten.div", "aten.silu", "aten._to_copy", "aten.copy_")
"""Operations that go through all of a picture for little: each writes a new one."""


class Beside:
    """What an adapter adds to a layer: one number of its input, everywhere."""

    def __init__(self, layer):
        self.layer, self.heard = layer, 0

    def __call__(self, inputs, weight):
        self.heard += 1
        mean = inputs.mean(tuple(range(1, inputs.dim())), keepdim=True) * weight
        if inputs.dim() == 4:
            return mean.expand(-1, self.layer.out_channels, *inputs.shape[2:])
        return mean.expand(-1, inputs.shape[1], self.layer.out_features)


class Counts(TorchDispatchMode):
    """How often each operation is called in a block."""

    def __init__(self):
        super().__init__()
        self.called = Counter()

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        self.called[str(operation.overloadpacket)] += 1
        return operation(*args, **(kwargs or {}))


def network(family, dtype=torch.float32):
    return tiny_modules(family).unet.requires_grad_(False).to(dtype)


def inputs(unet, rows=2, side=16, dtype=torch.float32):
    generator = torch.Generator().manual_seed(rows)
    added = None
    if unet.config.addition_embed_type:
        pooled = unet.config.projection_class_embeddings_input_dim - 6 * unet.config.addition_time_embed_dim
        added = {"text_embeds": torch.randn(rows, pooled, generator=generator).to(dtype)}
        added["time_ids"] = torch.full((rows, 6), 64.0).to(dtype)
    context = torch.randn(rows, 77, unet.config.cross_attention_dim, generator=generator)
    latents = torch.randn(rows, unet.config.in_channels, side, side, generator=generator)
    return Inputs(latents.to(dtype), torch.full((rows,), 500.0), context.to(dtype), added)


def packed_of(unet):
    return Packed(copy.deepcopy(unet), release)


def widened(asked):
    added = asked.added and {name: one.float() for name, one in asked.added.items()}
    return Inputs(asked.latents.float(), asked.timesteps, asked.context.float(), added)


def error(answer, truth):
    return float((answer.float() - truth).norm() / truth.norm())


@torch.inference_mode()
@pytest.mark.parametrize("family", FAMILIES)
def test_it_answers_as_the_network_does_and_rounds_no_more(family):
    unet = network(family)
    whole, half = packed_of(unet), network(family, torch.bfloat16)
    half_packed = packed_of(half)
    wide = copy.deepcopy(half).float()
    for rows, side in ((2, 16), (1, 16), (4, 24)):
        asked = inputs(unet, rows, side)
        assert error(whole.run(asked), Eager(unet).run(asked)) < 2e-6
        asked = inputs(unet, rows, side, torch.bfloat16)
        truth = Eager(wide).run(widened(asked))
        assert error(half_packed.run(asked), truth) < 1.05 * error(Eager(half).run(asked), truth)


def test_networks_that_it_would_slow_down_run_as_they_come():
    assert not can_pack(CPU, told(64, 96, 128, 112)), "Toybox"
    assert not can_pack(CPU, told(320, 640, 1288)), "blocks that aren't whole"
    assert not can_pack(torch.device("cuda"), told(*LARGE))
    assert type(execution_for(network("stable_diffusion"), CPU)) is Shared


@torch.inference_mode()
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("rows", [2, 4, 8])
def test_no_neighbour_and_no_slot_changes_a_bit(rows, dtype):
    packed = Packed(network("stable_diffusion", dtype), release, HeadsApart(worth=0))
    asked = inputs(packed._network, rows, dtype=dtype)
    answer = packed.run(asked)
    rolled = packed.run(Inputs(*(one.roll(1, 0) for one in asked[:3]), None))
    assert torch.equal(answer.roll(1, 0), rolled)
    other = asked.latents.clone()
    other[1:] = other[1:].flip(0) * 2
    assert torch.equal(packed.run(asked._replace(latents=other))[0], answer[0])


@torch.inference_mode()
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_adapters_go_beside_its_layers_and_neighbours_cannot_tell(dtype):
    unet = network("stable_diffusion", dtype)
    kind, asked = Packed(unet, release, HeadsApart(worth=0)), inputs(unet, rows=4, dtype=dtype)
    plain = kind.run(asked)
    layers = {
        name: layer for name, layer in unet.named_modules()
        if name.endswith(("attn1.to_q", "to_out.0", "conv2", "conv_shortcut", "ff.net.2"))
    }  # fmt: skip
    paths = {name: Beside(layer) for name, layer in layers.items()}
    adapter = Adapter("aa", Bound({"denoiser": paths}), {"denoiser": unet})
    with MixRows(4, {1: Mix(((adapter, Strengths(0.1, 0)),))}).beside(unet):
        mixed = kind.run(asked)
    with MixRows(4, {1: Mix(((adapter, Strengths(0.1, 0)),)), 2: Mix(((adapter, Strengths(0.5, 0)),))}).beside(unet):
        crowded = kind.run(asked)
    assert torch.equal(mixed[[0, 2, 3]], plain[[0, 2, 3]])
    assert error(mixed[1], plain[1]) > 1e-3
    assert torch.equal(crowded[[0, 1, 3]], mixed[[0, 1, 3]])
    assert all(path.heard == 3 for path in paths.values())


@torch.inference_mode()
def test_what_adapters_add_to_queries_is_scaled_as_these_are():
    layer = torch.nn.Linear(64, 64, bias=False).requires_grad_(False).to(torch.bfloat16)
    network, value = torch.nn.Sequential(layer), (torch.randn(2, 5, 64) + 1).to(torch.bfloat16)
    adapter = Adapter("aa", Bound({"denoiser": {"0": Beside(layer)}}), {"denoiser": network})
    rows, alone = MixRows(2, {1: Mix(((adapter, Strengths(3.0, 0)),))}), network(value)
    with rows.beside(network):
        plain = network(value)
    scale(layer, 40**-0.5, release)
    with rows.beside(network):
        scaled = network(value)
    assert error(scaled / layer.gain, plain.float()) < 6e-3
    assert error(plain[1], alone[1].float()) > 1


def test_recipes_tell_of_attention_where_it_is_not_torchs():
    half = Packed(network("stable_diffusion", torch.bfloat16), release)
    assert half.recorded() == {"layout": "packed", "attention": "heads"}
    assert Packed(network("stable_diffusion"), release).recorded() == {"layout": "packed"}


def quantise(unet):
    """Has the weights of every other layer in 8 bits."""
    layers = [layer for layer in unet.modules() if type(layer) in (torch.nn.Linear, torch.nn.Conv2d)]
    for layer in layers[::2]:
        stored = layer.weight.to(torch.float8_e4m3fn).view(torch.uint8).flatten(1)
        kept = Quantised(stored, "float8_e4m3fn", layer.weight.shape, layer.weight.dtype)
        layer.weight = torch.nn.Parameter(kept, requires_grad=False)
    return len(layers[::2])


@torch.inference_mode()
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_quantised_weights_stay_so_and_are_widened_once_a_forward(dtype, monkeypatch):
    unet, plain = network("sdxl", dtype), network("sdxl", dtype)
    asked, count = inputs(unet, dtype=dtype), quantise(unet)
    quantise(plain)
    dequantise(plain)
    widen, called = Quantised.dequantised, []
    monkeypatch.setattr(Quantised, "dequantised", lambda weight: called.append(weight) or widen(weight))
    eager = Eager(unet).run(asked)
    assert torch.equal(eager, Eager(plain).run(asked)), "the bits of the same weights, widened beforehand"
    assert len(called) == count
    packed = Packed(unet, release)
    answers = [packed.run(asked) for _ in range(2)]
    assert len(called) == 3 * count
    assert error(answers[0], eager.float()) < (2e-6 if dtype == torch.float32 else 2e-2)
    assert torch.equal(*answers)
    assert packed.recorded()["weights"] == "quantised"
    assert sum(isinstance(weight, Quantised) for weight in unet.parameters()) == count


@torch.inference_mode()
@pytest.mark.parametrize("family", FAMILIES)
def test_weights_are_laid_out_once_and_held_once(family):
    unet = network(family)
    layers = [layer for layer in unet.modules() if isinstance(layer, torch.nn.Linear | torch.nn.Conv2d)]
    shapes = [layer.weight.shape for layer in layers]
    kind, asked = Packed(unet, release), inputs(unet)
    with Counts() as first:
        kind.run(asked)
    laid_out = sum(count for name, count in first.called.items() if "_reorder" in name)
    assert laid_out == len(layers)
    assert [layer.weight.shape for layer in layers] == shapes
    assert sum(layer.weight.untyped_storage().nbytes() for layer in layers) == 4 * len(layers), "no weights but packed"
    for again in (asked, inputs(unet, rows=4), inputs(unet, side=24)):
        with Counts() as later:
            kind.run(again)
        assert not [name for name in later.called if "_reorder" in name]


@torch.inference_mode()
def test_little_is_written_anew_between_layers():
    """Exact counts: of a forward of SD1's tiny network, which has as many blocks as SD1's own."""
    unet = network("stable_diffusion", torch.bfloat16)
    asked, called = inputs(unet, dtype=torch.bfloat16), []
    for kind in (Eager(copy.deepcopy(unet)), Packed(unet, release)):
        kind.run(asked)
        with Counts() as counts:
            kind.run(asked)
        called.append({name: counts.called[name] for name in PASSES})
    plain, short = called
    assert plain == dict.fromkeys(PASSES, 0) | {"aten.add": 108, "aten.div": 55, "aten.silu": 68}
    assert short == dict.fromkeys(PASSES, 0) | {"aten.div": 1, "aten.silu": 24}


def test_what_was_packed_from_a_mapped_file_stays_mapped_no_longer(tmp_path):
    save_file({"weight": torch.randn(64, 64)}, tmp_path / "one.safetensors")
    layer = torch.nn.Linear(64, 64, bias=False)
    layer.weight = torch.nn.Parameter(CheckpointFile(str(tmp_path / "one.safetensors")).read("weight"), False)
    place, released = layer.weight.data_ptr(), []
    value = torch.randn(3, 64)
    expected = torch.nn.functional.linear(value, layer.weight)
    pack(layer, lambda *where: released.append(where))
    assert torch.allclose(layer(value), expected, atol=1e-5)
    assert released == [(place, 64 * 64 * 4)]

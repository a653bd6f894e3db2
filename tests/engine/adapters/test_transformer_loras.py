"""LoRAs of Flux, Chroma and their T5: every trainer's names find what they mean, and rows of fused layers act there."""
# ruff: noqa: E501 - tables

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from imagine.engine.adapters.kept import Kept
from imagine.engine.adapters.mix import MixRows
from imagine.engine.adapters.opened import Opened
from imagine.engine.execution.execution import Inputs
from imagine.engine.families.flux import KIND as FLUX
from imagine.engine.families.lumina2 import KIND as LUMINA2
from imagine.engine.families.lumina2 import call_lumina2
from imagine.engine.families.z_image import KIND as Z_IMAGE
from imagine.engine.families.z_image import call_z_image
from imagine.engine.loading.adapter_readers import ADAPTER_READERS
from imagine.engine.loading.layer_names import LayerNames
from imagine.engine.loading.maps import flux, lumina2, z_image
from imagine.engine.loading.maps.layout import Layout
from imagine.engine.loading.transformer_model import TransformerKind
from imagine.engine.loading.transformer_names import with_diffusers_names
from imagine.engine.parts.slices import whole
from imagine.engine.parts.t5 import T5Config, T5Encoder
from imagine.words.adapter_names import layer_tensor
from imagine.words.errors import UnusableModel
from tests.engine.adapters.low_rank import used
from tests.engine.adapters.test_lora_files import Model, under
from tests.engine.test_loading_maps import NETWORKS, tiny_flux, written
from tests.lumina2_files import tiny_lumina2
from tests.z_image_files import tiny_z_image
from tools.original_layout import original_tensors

WIDTH = 32
ORIGINAL = {
    "kohya": lambda name: f"lora_unet_{under(name)}.lora_down.weight",
    "Black Forest Labs', ComfyUI's, ai-toolkit's": lambda name: f"diffusion_model.{name}.lora_A.weight",
    "peft": lambda name: f"base_model.model.{name}.lora_B.weight",
}
DIFFUSERS = {
    "diffusers": lambda name: f"transformer.{name}.lora_A.weight",
    "OneTrainer": lambda name: f"lora_transformer_{under(name)}.lora_down.weight",
    "LyCORIS": lambda name: f"lycoris_{under(name)}.lokr_w1",
    "peft": lambda name: f"base_model.model.{name}.lora_A.default.weight",
}
XLABS = {
    "double_blocks.1.processor.qkv_lora1.down.weight": [f"transformer_blocks.1.attn.to_{one}" for one in "qkv"],
    "double_blocks.1.processor.qkv_lora2.up.weight": [f"transformer_blocks.1.attn.add_{one}_proj" for one in "qkv"],
    "double_blocks.1.processor.proj_lora1.down.weight": ["transformer_blocks.1.attn.to_out.0"],
    "diffusion_model.double_blocks.1.processor.proj_lora2.up.weight": ["transformer_blocks.1.attn.to_add_out"],
    "single_blocks.0.processor.qkv_lora.up.weight": [f"single_transformer_blocks.0.attn.to_{one}" for one in "qkv"],
    "single_blocks.0.processor.proj_lora.down.weight": ["single_transformer_blocks.0.proj_out"],
}


@pytest.mark.parametrize("name", ["dev", "chroma", "flux2 dev"])
def test_every_trainers_name_finds_the_rows_that_it_means(name: str) -> None:
    made, family = NETWORKS[name]
    network = made()
    names = LayerNames({"denoiser": network})
    weighty = [each.removesuffix(".weight") for each in network.state_dict() if each.endswith(".weight")]
    sizes = {each: len(network.get_parameter(f"{each}.weight")) for each in weighty}
    for original, ours in family.LAYOUT.originals(weighty):
        for spelling, spelled in ORIGINAL.items():
            found = names.find(layer_tensor(spelled(original)).layer)
            assert [each.name for each in found] == list(ours), (spelling, original)
            taken = [
                rows for each in found for rows in (each.rows.taken if each.rows else (slice(0, sizes[each.name]),))
            ]
            places = [place for rows in taken for place in range(sum(sizes[each] for each in ours))[rows]]
            assert sorted(places) == list(range(sum(sizes[each] for each in ours))), (spelling, original)
    for ours in weighty:
        for spelling, spelled in DIFFUSERS.items():
            found = names.find(layer_tensor(spelled(ours)).layer)
            assert [(each.name, each.rows) for each in found] == [(ours, None)], (spelling, ours)
    for spelled, expected in XLABS.items() if name != "flux2 dev" else ():
        assert [each.name for each in names.find(layer_tensor(spelled).layer)] == expected, spelled


def tiny_t5() -> T5Encoder:
    return T5Encoder(T5Config(d_model=16, d_kv=8, d_ff=24, num_layers=1, num_heads=2, vocab_size=9))


@pytest.mark.parametrize(("role", "own"), [("text_encoder_2", "te2"), ("text_encoder_3", "te3")])
def test_t5_is_the_third_encoder_to_trainers_wherever_it_stands(role: str, own: str) -> None:
    """kohya and ComfyUI call it so; diffusers and OneTrainer by the place it has."""
    t5, layer = tiny_t5(), "encoder.block.0.layer.0.SelfAttention.q"
    names = LayerNames({"denoiser": tiny_flux(), role: t5})
    for spelled in (
        f"lora_te3_{under(layer)}.lora_down.weight", f"text_encoders.t5xxl.transformer.{layer}.lora_A.weight",
        f"{role}.{layer}.lora_A.weight", f"lora_{own}_{under(layer)}.lora_up.weight",
    ):  # fmt: skip
        (found,) = names.find(layer_tensor(spelled).layer)
        assert (found.role, found.name, found.layer) == (role, layer, t5.get_submodule(layer)), spelled
    assert not LayerNames({"denoiser": tiny_flux()}).find("te3_encoder_block_0_layer_0_SelfAttention_q")


def low_rank(prefix: str, out: int, inside: int) -> dict[str, Tensor]:
    down, up = torch.randn(4, inside), torch.randn(out, 4)
    return {f"{prefix}.lora_down.weight": down, f"{prefix}.lora_up.weight": up, f"{prefix}.alpha": torch.tensor(2.0)}


def of_low_rank(prefix: str, tensors: dict[str, Tensor], weight: Tensor) -> Tensor:
    return weight + tensors[f"{prefix}.lora_up.weight"] @ tensors[f"{prefix}.lora_down.weight"] / 2


def products(prefix: str, out: int, inside: int) -> dict[str, Tensor]:
    shapes = {"a": (out, 3), "b": (3, inside)}
    return {f"{prefix}.hada_{one}_{half}": torch.randn(shapes[half]) for one in ("w1", "w2") for half in "ab"}


def of_products(prefix: str, tensors: dict[str, Tensor], weight: Tensor) -> Tensor:
    first, second = (tensors[f"{prefix}.hada_{one}_a"] @ tensors[f"{prefix}.hada_{one}_b"] for one in ("w1", "w2"))
    return weight + first * second


def decomposed(prefix: str, out: int, inside: int) -> dict[str, Tensor]:
    return low_rank(prefix, out, inside) | {f"{prefix}.dora_scale": torch.rand(out, 1) + 0.5}


def of_decomposed(prefix: str, tensors: dict[str, Tensor], weight: Tensor) -> Tensor:
    changed = of_low_rank(prefix, tensors, weight)
    return changed / changed.norm(dim=1, keepdim=True) * tensors[f"{prefix}.dora_scale"]


def differences(prefix: str, out: int, inside: int) -> dict[str, Tensor]:
    return {f"{prefix}.diff": torch.randn(out, inside) * 0.1}


def of_differences(prefix: str, tensors: dict[str, Tensor], weight: Tensor) -> Tensor:
    return weight + tensors[f"{prefix}.diff"]


def kroneckers(prefix: str, out: int, inside: int) -> dict[str, Tensor]:
    """Of factors as LyCORIS chooses them, whose blocks don't end where a third of the rows does."""
    return {f"{prefix}.lokr_w1": torch.randn(4, 4), f"{prefix}.lokr_w2": torch.randn(out // 4, inside // 4) * 0.3}


def of_kroneckers(prefix: str, tensors: dict[str, Tensor], weight: Tensor) -> Tensor:
    return weight + torch.kron(tensors[f"{prefix}.lokr_w1"], tensors[f"{prefix}.lokr_w2"])


KINDS = {
    "LoRA": (low_rank, of_low_rank), "LoHa": (products, of_products), "DoRA": (decomposed, of_decomposed),
    "full": (differences, of_differences), "LoKr": (kroneckers, of_kroneckers),
}  # fmt: skip


def answer(network: torch.nn.Module) -> Tensor:
    generator = torch.Generator().manual_seed(7)
    drawn = [torch.randn(1, *shape, generator=generator) for shape in ((9, 64), (5, 24), (20,))]
    with torch.no_grad():
        return network(
            drawn[0], drawn[1], drawn[2], torch.tensor([0.7]), torch.zeros(9, 3), torch.zeros(5, 3),
            guidance=torch.tensor([3.5]), return_dict=False,
        )[0]  # fmt: skip


def z_image_answer(network: torch.nn.Module) -> Tensor:
    generator = torch.Generator().manual_seed(7)
    latents, text = (torch.randn(1, *shape, generator=generator) for shape in ((16, 8, 8), (32, 32)))
    with torch.no_grad():
        return call_z_image(network, Inputs(latents, torch.tensor([700.0]), text, {"told": torch.tensor([20])}))


def lumina2_answer(network: torch.nn.Module) -> Tensor:
    generator = torch.Generator().manual_seed(7)
    latents, text = (torch.randn(1, *shape, generator=generator) for shape in ((16, 8, 8), (32, 32)))
    with torch.no_grad():
        seen = {"seen": torch.arange(32)[None] < 20}
        return call_lumina2(network, Inputs(latents, torch.tensor([700.0]), text, seen))


def mixed(tensors: dict[str, Tensor], network: torch.nn.Module, folder: Path) -> MixRows:
    save_file(tensors, folder / "one.safetensors")
    mix = whole(
        Opened(ADAPTER_READERS, Kept()).mix([used(folder / "one.safetensors", "aa")], Model({"denoiser": network}))
    )
    assert not mix.warnings
    return MixRows(1, {0: mix})


class Original(NamedTuple):
    """A network whose original layout has layers that are several of ours."""

    make: Callable[[], torch.nn.Module]
    kind: TransformerKind
    layout: Layout
    answer: Callable[[torch.nn.Module], Tensor]


ORIGINALS = {
    "flux": Original(tiny_flux, FLUX, flux.LAYOUT, answer),
    "lumina2": Original(lambda: tiny_lumina2().transformer, LUMINA2, lumina2.LAYOUT, lumina2_answer),
    "z-image": Original(lambda: tiny_z_image().transformer, Z_IMAGE, z_image.LAYOUT, z_image_answer),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("name", "only"), [("flux", ""), ("flux", "final_layer.adaLN"), ("z-image", ""), ("lumina2", "")]
)
def test_beside_the_network_is_as_in_the_originals_weights(tmp_path: Path, kind: str, name: str, only: str) -> None:
    (make, told, layout, answer), (made, merged) = ORIGINALS[name], KINDS[kind]
    network = make().requires_grad_(False).eval()
    torch.manual_seed(1)
    state = dict(network.state_dict())
    alone = {each: state.pop(each) for each in z_image.PADDING if each in state}
    weights = original_tensors(state, layout) | alone
    layers = [
        name.removesuffix(".weight")
        for name, tensor in weights.items()
        if tensor.dim() == 2 and name.endswith(".weight") and only in name
    ]
    spelled = {layer: f"lora_unet_{under(layer)}" for layer in layers}
    tensors = {
        name: tensor if tensor.dim() < 2 or "dora" in name else tensor * 0.2
        for layer in layers
        for name, tensor in made(spelled[layer], *weights[f"{layer}.weight"].shape).items()
    }
    for layer in layers:
        weights[f"{layer}.weight"] = merged(spelled[layer], tensors, weights[f"{layer}.weight"])
    other = make().eval()
    said = {"original": told.original, "theirs": told.theirs, "taken": told.taken}
    read = with_diffusers_names(written(tmp_path, weights), **said).weights
    other.load_state_dict({each: read.read(each) for each in read.names})
    plain = answer(network)
    with mixed(tensors, network, tmp_path).beside(network):
        beside = answer(network)
    expected = answer(other)
    assert (expected - plain).norm() > 1e-3 * plain.norm()
    assert (beside - expected).norm() < 1e-5 * expected.norm()
    assert torch.equal(answer(network), plain)


def test_the_same_numbers_in_diffusers_names_and_in_xlabs_do_the_same(tmp_path: Path) -> None:
    network = tiny_flux().requires_grad_(False).eval()
    torch.manual_seed(1)
    down, up = torch.randn(4, WIDTH) * 0.2, torch.randn(3 * WIDTH, 4) * 0.2
    ours = {
        f"transformer.transformer_blocks.1.attn.to_{one}.lora_{half}.weight": tensor
        for place, one in enumerate("qkv")
        for half, tensor in {"A": down.clone(), "B": up[WIDTH * place : WIDTH * (place + 1)].clone()}.items()
    }
    xlabs = {
        f"double_blocks.1.processor.qkv_lora1.{half}.weight": each for half, each in {"down": down, "up": up}.items()
    }
    answers = []
    for tensors in (ours, xlabs):
        with mixed(tensors, network, tmp_path).beside(network):
            answers.append(answer(network))
    assert torch.equal(*answers)
    assert not torch.equal(answers[0], answer(network))


QKV = "lora_unet_double_blocks_0_img_attn_qkv"
WRONG = {
    "a Kronecker product of too few rows": ({f"{QKV}.lokr_w1": torch.ones(4, 4), f"{QKV}.lokr_w2": torch.ones(23, 8)}, "lokr_w2 has the shape [23, 8], and [24, 8] would fit"),
    "rotations": ({f"{QKV}.oft_blocks": torch.ones(8, 4, 4)}, "its oft_blocks is of several"),
    "rows too few": (low_rank(QKV, 64, WIDTH), "up has the shape [64, 4], and [96, 4] would fit"),
    "columns too few": (low_rank(QKV, 96, 31), "down has the shape [4, 31]"),
    "a scale of columns": (low_rank(QKV, 96, WIDTH) | {f"{QKV}.dora_scale": torch.ones(1, WIDTH)}, "dora_scale has the shape [1, 32]"),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_what_can_not_be_cut_is_refused_by_name(tmp_path: Path, what: str) -> None:
    tensors, why = WRONG[what]
    with pytest.raises(UnusableModel) as caught:
        mixed(tensors, tiny_flux().requires_grad_(False), tmp_path)
    assert why in str(caught.value)
    assert "double_blocks_0_img_attn_qkv" in str(caught.value)

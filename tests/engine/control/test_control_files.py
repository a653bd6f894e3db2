"""Files of controls: told in all their layouts, and refused in a sentence where they are none or another model's."""

import gc
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file

from imagine.engine.adapters.kept import Kept
from imagine.engine.control.control_network import SeenMap
from imagine.engine.control.controlnet import ControlNet, UnionNet
from imagine.engine.control.feature_adapter import FeatureAdapter
from imagine.engine.control.open_controls import OpenControls
from imagine.engine.families.open import open_model
from imagine.engine.loading.control_file import ControlFile
from imagine.engine.parts.slices import whole
from imagine.identity.stamp import stamp_of
from imagine.words.errors import BadRequest, ModelChanged, Unsupported, UnusableModel
from imagine.words.model import Component, ControlUse
from tests.control_files import (
    home_of,
    save,
    tiny_controlnet,
    tiny_t2i,
    tiny_union,
    write_control,
    write_control_lora,
)
from tests.engine.running import engine_of, model_at

PIXELS = torch.linspace(0, 1, 3 * 64 * 64).reshape(1, 3, 64, 64)
SEEN = SeenMap(PIXELS)


@pytest.fixture(scope="module")
def unets(checkpoints):
    """The U-Net of a family's model, opened once."""
    opened = {}

    def unet(family="stable_diffusion"):
        if family not in opened:
            model = model_at(checkpoints(family)[0])
            opened[family] = open_model(model, engine_of()._device, lambda _fraction: None, {})
        return opened[family].networks["denoiser"]

    return unet


def bound(path, unet, **more):
    return whole(ControlFile(Component(role="adapter", path=str(path), **more), "edges").bind(unet, home_of(unet)))


def seen(network):
    return network.hint(SEEN, "canny")


@pytest.mark.parametrize("family", ["stable_diffusion", "sd2", "sdxl"])
def test_one_network_in_all_its_layouts_is_the_same(unets, tmp_path, family):
    network = tiny_controlnet(unets(family))
    hints = []
    for layout in ("diffusers", "ldm", "bare", "folder"):
        path = write_control(tmp_path / f"{layout}.safetensors", network, layout)
        made = bound(path, unets(family))
        assert type(made) is ControlNet
        hints.append(seen(made))
        state = dict(made.module.named_parameters())
        assert all(
            torch.equal(state[name], each) for name, each in network.named_parameters() if "cond_emb" not in name
        )
    assert all(torch.equal(hint, hints[0]) for hint in hints)


def test_what_its_settings_say_beside_it_is_heeded(unets, tmp_path):
    """Channels in OpenCV's order, and answers of one number a channel: said by diffusers, or by the file's name, which
    is its folder's where any file is called so, or its repository's in the Hub's cache."""
    network = tiny_controlnet(unets(), global_pool_conditions=True, controlnet_conditioning_channel_order="bgr")
    made = bound(write_control(tmp_path / "folder", network, "folder"), unets())
    plain = bound(write_control(tmp_path / "control_v11e_sd15_shuffle.safetensors", network, "bare"), unets())
    assert torch.equal(made.hint(SEEN, ""), plain.hint(SeenMap(PIXELS.flip(1)), ""))
    assert made.module.config.global_pool_conditions
    assert plain.module.config.global_pool_conditions
    name = "diffusion_pytorch_model.safetensors"
    for place in (f"shuffle/{name}", f"models--one--shuffle/snapshots/0123abcd/{name}"):
        assert bound(write_control(tmp_path / place, network, "bare"), unets()).module.config.global_pool_conditions
    other = bound(write_control(tmp_path / "edges/snapshots" / name, network, "bare"), unets())
    assert not other.module.config.global_pool_conditions


def test_networks_with_less_attention_than_the_model_are_taken(unets, tmp_path):
    """As SDXL's small ones have none at all."""
    small = tiny_controlnet(
        unets("sdxl"), down_block_types=["DownBlock2D"] * 3, mid_block_type="UNetMidBlock2D"
    )  # fmt: skip
    made = bound(write_control(tmp_path / "small.safetensors", small), unets("sdxl"))
    assert not any("attentions" in name for name, _ in made.module.named_parameters())


def test_what_is_the_same_for_two_models_is_there_once(unets, tmp_path):
    path = write_control(tmp_path / "edges.safetensors", tiny_controlnet(unets()))
    file = ControlFile(Component(role="adapter", path=str(path)), "edges")
    one, other = (whole(file.bind(unets(), home_of(unets()))) for _ in range(2))
    assert one is other
    size = file.nbytes
    assert 0.95 * path.stat().st_size < size <= path.stat().st_size
    del one, other
    gc.collect()
    assert file.nbytes == 0


def test_a_union_refuses_kinds_that_it_was_not_trained_on(unets, tmp_path):
    union = bound(write_control(tmp_path / "union.safetensors", tiny_union(unets("sdxl"))), unets("sdxl"))
    assert type(union) is UnionNet
    assert union.hint(SEEN, "openpose")[1] == 0
    for kind in ("", "none", "tile", "magic"):
        with pytest.raises(BadRequest, match=r"its type is one of pose, openpose, depth, .*, not") as caught:
            union.hint(SEEN, kind)
        assert caught.value.field == "control"


def test_t2i_adapters_are_told(unets, tmp_path):
    for family, how, layout in (
        ("stable_diffusion", {}, "original"), ("stable_diffusion", {"light": True}, "diffusers"),
        ("sdxl", {}, "diffusers"),
    ):  # fmt: skip
        made = bound(write_control(tmp_path / "t2i.safetensors", tiny_t2i(unets(family), **how), layout), unets(family))
        assert type(made) is FeatureAdapter
        odd = SeenMap(torch.zeros(1, 3, 72, 64))
        assert seen(made)[0].shape[1] == unets(family).config.block_out_channels[0]
        assert made.hint(odd, "")[0].shape[2] == (5 if family == "sdxl" else 9)


HINT = "controlnet_cond_embedding.conv_in.weight"
FIRST = "down_blocks.0.resnets.0.conv1.weight"
XS = "control_to_base_for_conv_in.weight"
T2I, LEVEL = "adapter.conv_in.weight", "adapter.body.0.resnets.0.block1.weight"
HOSTILE = {
    "nothing of it": (lambda _: {"a.b": torch.ones(2)}, "it lacks the tensor|levels have"),
    "a tensor is missing": (lambda t: without(t, "conv_in.bias"), "lacks conv_in.bias"),
    "one too many": (lambda t: t | {"down_blocks.0.more.weight": torch.ones(1)}, "tensors that the network hasn't"),
    "another shape": (lambda t: t | {"conv_in.bias": torch.ones(7)}, r"conv_in.bias of shape \[7\]"),
    "an absurd shape": (lambda t: t | {HINT: torch.ones(0, 3, 3, 3)}, "absurd shape"),
    "no dimensions": (lambda t: t | {FIRST: torch.ones(())}, "lacks the tensor"),
    "no number": (lambda t: t | {FIRST: t[FIRST] * torch.nan}, f"its tensor {FIRST} holds what is no number"),
    "infinite once computed": (lambda t: t | {FIRST: t[FIRST].double() * 1e300}, "holds what is no number"),
    "whole numbers": (lambda t: t | {FIRST: t[FIRST].to(torch.int8)}, "int8, not a float"),
    "ControlNet-XS": (lambda t: t | {XS: torch.ones(1)}, "of a kind that can't be used"),
    "a T2I-Adapter": (lambda _: {T2I: torch.ones(32, 5, 3, 3), LEVEL: torch.ones(32, 32, 3, 3)}, "5 channels"),
    "a union of no kinds": (lambda t: t | {"task_embedding": torch.ones(0, 32)}, "absurd shape|lacks"),
    "half of a Control-LoRA": (lambda t: {"lora_controlnet": torch.zeros(()), **half(t)}, "down is missing"),
}  # fmt: skip


def without(tensors, name):
    return {each: tensor for each, tensor in tensors.items() if each != name}


def half(tensors):
    return {"input_blocks.0.0.up": torch.ones(32, 2), "input_hint_block.0.weight": tensors[HINT]}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_files_are_refused_and_nothing_of_them_stays(checkpoints, unets, tmp_path, what):
    make, why = HOSTILE[what]
    whole_one = load_file(write_control(tmp_path / "whole.safetensors", tiny_controlnet(unets())))
    path = save(tmp_path / "edges.safetensors", make(whole_one))
    model, kept = open_model(model_at(checkpoints()[0]), engine_of()._device, lambda _fraction: None, {}), Kept()
    use = _use(path)
    with pytest.raises(UnusableModel, match=why) as caught:
        whole(OpenControls(ControlFile, kept).network(use, "edges", model))
    assert str(caught.value).startswith("control 'edges' can't be used: ")
    assert len(str(caught.value)) < 300
    del caught
    gc.collect()
    assert kept.nbytes == 0
    assert not kept._sources


def _use(path, **more):
    return ControlUse(kind="controlnet", component=Component(role="adapter", path=str(path), **more), image=b"")


@pytest.mark.parametrize(("made_for", "family"), [("sdxl", "stable_diffusion"), ("stable_diffusion", "sd2")])
@pytest.mark.parametrize("kind", ["controlnet", "t2i", "low"])
def test_another_familys_is_refused(unets, tmp_path, made_for, family, kind):
    path, theirs = tmp_path / "edges.safetensors", unets(made_for)
    if kind == "low":
        write_control_lora(path, theirs, tiny_controlnet(theirs))
    else:
        write_control(path, tiny_controlnet(theirs) if kind == "controlnet" else tiny_t2i(theirs))
    with pytest.raises(UnusableModel, match="control 'edges' can't be used: "):
        bound(path, unets(family))


def test_a_model_without_a_unet_is_told_so(unets, tmp_path):
    path = write_control(tmp_path / "edges.safetensors", tiny_controlnet(unets()))
    with pytest.raises(Unsupported, match="isn't made for a network as this model's"):
        bound(path, SimpleNamespace(device=torch.device("cpu"), dtype=torch.float32))


def test_a_file_that_is_written_into_voids_what_it_draws(unets, tmp_path):
    path = write_control(tmp_path / "edges.safetensors", tiny_controlnet(unets()))
    stamp = stamp_of(path)
    made = bound(path, unets(), files=(stamp,))
    made.check()
    with path.open("r+b") as file:
        file.seek(-4, 2)
        file.write(b"\0\0\0\0")
    with pytest.raises(ModelChanged):
        made.check()
    with pytest.raises(ModelChanged):
        bound(path, unets(), files=(stamp,))

"""What stands beside a model whose networks come to the device to work: the bits that it has beside one that stays."""

import copy

import msgspec
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from imagine.families.memory import bytes_of
from tests.checkpoints import tiny_modules, write_checkpoint
from tests.control_files import controlled, tiny_controlnet, write_control, write_control_lora
from tests.engine.accelerator import on
from tests.engine.adapters.low_rank import used, write_low_rank
from tests.engine.pretended import pretended
from tests.engine.running import made, wish
from tests.engine.test_ways import sized

MAP = Image.linear_gradient("L").resize((64, 64)).convert("RGB")


def lora(folder, modules, one):
    path = folder / "lora.safetensors"
    write_low_rank(path, {"denoiser": modules.unet, "text_encoder": modules.text_encoders[0]}, 1)
    return msgspec.structs.replace(one, adapters=(used(path, "a" * 4),)), path


def dora(folder, modules, one):
    """It asks for the layers' own weights."""
    one, path = lora(folder, modules, one)
    tensors = load_file(path)
    ups = [name for name in tensors if name.endswith("lora_up.weight")]
    save_file(
        tensors | {name.replace("lora_up.weight", "dora_scale"): 1 + torch.rand(len(tensors[name]), 1) for name in ups
                   if tensors[name].dim() == 2},
        path,
    )  # fmt: skip
    return one, path


def held_to(path, one):
    use, said = controlled(path, MAP)
    params = msgspec.structs.replace(one.params, control=(said,))
    return msgspec.structs.replace(one, params=params, controls=(use,)), path


def controlnet(folder, modules, one):
    return held_to(write_control(folder / "edges.safetensors", tiny_controlnet(modules.unet)), one)


def control_lora(folder, modules, one):
    """It is made of the denoiser's own layers."""
    unet = copy.deepcopy(modules.unet)
    return held_to(write_control_lora(folder / "low.safetensors", unet, tiny_controlnet(unet)), one)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("beside")
    modules = tiny_modules()
    write_checkpoint(folder / "sd.safetensors", modules, dtype=torch.float16)
    return sized(folder / "sd.safetensors"), modules


def on_share(card, model, share):
    return on(card, memory=round(bytes_of(model.sizes).all * share), cuda_graphs=False)


@pytest.mark.parametrize(
    "beside", [lora, *(pytest.param(each, marks=pytest.mark.slow) for each in (dora, controlnet, control_lora))]
)
def test_its_bits_are_those_beside_a_model_that_stays(model, tmp_path, beside):
    plain, modules = model
    asked, _ = beside(tmp_path, modules, wish(plain, num_steps=1))
    drawn = []
    for share in (2, 0.35):
        with pretended() as card:
            report = made(on_share(card, plain, share), asked)
            drawn.append((report.data, *[note.code for note in report.warnings]))
    assert [told for _, *told in drawn] == [[], ["way.layers"]]
    assert len({data for data, *_ in drawn}) == 1


@pytest.mark.slow
def test_it_is_copied_to_the_device_once(accelerator, model, tmp_path):
    """And not at each step, for each layer."""
    card = accelerator()
    asked, path = lora(tmp_path, model[1], wish(model[0]))
    engine, sent = on_share(card, model[0], 0.8), []
    for steps in (1, 1, 4):
        before = card.bytes_up
        made(engine, msgspec.structs.replace(asked, params=msgspec.structs.replace(asked.params, num_steps=steps)))
        sent.append(card.bytes_up - before)
    assert sent[2] - sent[1] < path.stat().st_size / 10

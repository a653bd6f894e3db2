"""ControlNets of Qwen-Image are plain diffusers' own, and change nobody else."""

from functools import partial

import diffusers
import msgspec
import pytest
import torch
from PIL import Image

from imagine.engine.loading.control_file import ControlFile
from imagine.engine.parts.slices import whole
from imagine.registry.header import parse_header
from imagine.registry.identify import identify
from imagine.words.beside import CONTROLS
from imagine.words.errors import UnusableModel
from imagine.words.model import Component
from imagine.words.recipe import Hires
from tests.control_files import controlled, home_of, save, tiny_qwen_image_control, under, write_control
from tests.engine.adapters.low_rank import used, write_low_rank
from tests.engine.parity import MASK, PHOTO, STEPS, assert_same, unpacked_latents
from tests.engine.running import crowd_made_again, latents_of, model_at, wish
from tests.qwen_image_files import qwen_image_pipeline, tiny_qwen_image, write_qwen_image
from tests.registry import declared

pytestmark = pytest.mark.usefixtures("one_thread", "no_chance")
TURNED = PHOTO.rotate(90)
HOLED = Image.merge("RGBA", [*PHOTO.split(), MASK.point(lambda value: 255 - value)])
SIDED = {"guidance": 3.0, "neg": "a blurry dog beside a lake"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_qwen_image(tmp_path_factory.mktemp("qwen-image") / "one", tiny_qwen_image())


def wished(path, *controls, job="a", loras=(), **changes):
    one = wish(model_at(path), job, **{"guidance": 1.0, "num_steps": STEPS, "sampler": "euler", **changes})
    return msgspec.structs.replace(under(one, *controls), adapters=tuple(loras))


def ours(path, *controls, **changes):
    return latents_of(wished(path, *controls, **changes))


def theirs(network, kind=diffusers.QwenImageControlNetPipeline, guidance=1.0, neg=None, **asked):
    """The latents that diffusers' own pipeline ends with."""
    pipe = qwen_image_pipeline(tiny_qwen_image(), kind, controlnet=network)
    return unpacked_latents(pipe, true_cfg_scale=guidance, negative_prompt=neg, **asked)


@pytest.mark.parametrize(("blocks", "said", "layout"), [(1, {}, "diffusers"), (2, SIDED, "folder")])
def test_a_map_holds_a_picture(folder, tmp_path, blocks, said, layout):
    """Of a picture that is drawn away from a negative prompt it hears the other alone."""
    network = tiny_qwen_image_control(tiny_qwen_image().transformer, num_layers=blocks)
    file, photo = write_control(tmp_path / "union.safetensors", network, layout), PHOTO.resize((64, 96))
    got = ours(folder, controlled(file, photo, strength=0.7, end=0.8), height=96, **said)
    told = {"controlnet_conditioning_scale": 0.7, "control_guidance_end": 0.8}
    assert_same(got, theirs(network, control_image=photo, height=96, **told, **said), ours(folder, height=96, **said))


def test_a_union_sees_several_maps(folder, tmp_path):
    network = tiny_qwen_image_control(tiny_qwen_image().transformer)
    file = write_control(tmp_path / "union.safetensors", network)
    got = ours(folder, controlled(file, PHOTO, strength=0.5), controlled(file, TURNED, strength=0.8), **SIDED)
    several = diffusers.QwenImageMultiControlNetModel([network])
    told = {"control_image": [PHOTO, TURNED], "controlnet_conditioning_scale": [0.5, 0.8]}
    assert_same(got, theirs(several, **told, **SIDED))


def test_one_that_paints_sees_the_hole(folder, tmp_path):
    network = tiny_qwen_image_control(tiny_qwen_image().transformer, extra_condition_channels=4)
    file = write_control(tmp_path / "inpainting.safetensors", network)
    got = ours(folder, controlled(file, HOLED, preprocess="inpaint"), **SIDED)
    told = {"control_image": PHOTO, "control_mask": MASK, "controlnet_conditioning_scale": 1.0}
    expected = theirs(network, diffusers.QwenImageControlNetInpaintPipeline, **told, **SIDED)
    assert_same(got, expected)


def test_a_mixed_crowd_is_made_again_bit_for_bit(folder, tmp_path):
    """Plain, beside a LoRA, of two networks, of joined prompts, over a picture in two passes: each alone, in a worker
    that has seen no other."""
    own, files = tiny_qwen_image().transformer, []
    for name, more in (("union", {}), ("inpainting", {"seed": 2, "extra_condition_channels": 4})):
        network = tiny_qwen_image_control(own, **more)
        files.append(write_control(tmp_path / f"{name}.safetensors", network))
    write_low_rank(tmp_path / "lora.safetensors", {"denoiser": own}, 4, only="transformer_blocks")
    lora, first = used(tmp_path / "lora.safetensors", "aaaa"), controlled(files[0], PHOTO)
    second = controlled(files[1], HOLED, preprocess="inpaint", strength=0.5)
    asked = partial(wished, folder, num_steps=2)
    wishes = [
        asked(job="sided", **SIDED), asked(first, second, job="both", loras=[lora], seed=3, **SIDED),
        asked(first, job="joined", prompt="a fox AND a lake", guidance=3.0),
        asked(second, job="hires", img=PHOTO, mask=MASK, strength=0.7, hires=Hires(scale=1.5, strength=0.5)),
    ]  # fmt: skip
    crowd_made_again(wishes)


@pytest.mark.parametrize(("settings", "size"), [({"num_layers": 5}, 3.54), ({"num_layers": 6, "painted": 4}, 4.23)])
def test_published_ones_are_told_by_their_headers(settings, size):
    """InstantX', of which these are all the names and shapes; `size` in GB."""
    settings = {"num_layers": settings["num_layers"], "extra_condition_channels": settings.get("painted", 0)}
    with torch.device("meta"):
        network = diffusers.QwenImageControlNetModel(**settings)
    shapes = {name: tuple(each.shape) for name, each in network.state_dict().items()}
    text, length = declared.header_json(shapes)
    identity = identify(parse_header(text, 8 + len(text) + length))
    assert (identity.kind, identity.family, identity.variant) == ("controlnet", "qwen-image", "")
    assert "qwen-image" in CONTROLS[""]
    assert 2 * sum(each.numel() for each in network.parameters()) / 1e9 == pytest.approx(size, abs=0.01)


def test_what_does_not_go_beside_it_is_refused(tmp_path):
    own = tiny_qwen_image().transformer
    state = tiny_qwen_image_control(own).state_dict()
    embedder = "controlnet_x_embedder.weight"
    foreign = {name: each for name, each in state.items() if name != embedder}
    lacking = {name: each for name, each in state.items() if name != "controlnet_blocks.0.bias"}
    wide = tiny_qwen_image_control(own, num_attention_heads=4).state_dict()
    other = tiny_qwen_image_control(own, joint_attention_dim=64).state_dict()
    for tensors, why in (
        (wide, "128 wide, and this model's is 64"), (state | {embedder: torch.ones(64, 80)}, "80 channels of a map"),
        (other, "64"), (foreign, "of a kind"), (lacking, "lacks controlnet_blocks.0.bias"),
    ):  # fmt: skip
        path = save(tmp_path / "net.safetensors", tensors)
        with pytest.raises(UnusableModel, match=why):
            whole(ControlFile(Component(role="adapter", path=str(path)), "net").bind(own, home_of(own)))

"""ControlNets of Z-Image are plain diffusers' own, of each generation, and change nobody else."""

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
from tests.control_files import controlled, home_of, save, under
from tests.engine.adapters.low_rank import used, write_low_rank
from tests.engine.parity import MASK, PHOTO, STEPS, assert_same, plain_latents
from tests.engine.running import crowd_made_again, latents_of, model_at, wish
from tests.registry import declared
from tests.z_image_files import (
    GENERATIONS,
    tiny_z_image,
    tiny_z_image_control,
    write_z_image,
    write_z_image_control,
    z_image_pipeline,
)

pytestmark = pytest.mark.usefixtures("one_thread", "no_chance")
HOLED = Image.merge("RGBA", [*PHOTO.split(), MASK.point(lambda value: 255 - value)])


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """Where it lies as a folder, and its modules."""
    modules = tiny_z_image()
    return write_z_image(tmp_path_factory.mktemp("z-image") / "one", modules), modules


def wished(path, *controls, job="a", loras=(), **changes):
    one = wish(model_at(path), job, **{"guidance": 3.0, "num_steps": STEPS, "sampler": "euler", **changes})
    return msgspec.structs.replace(under(one, *controls), adapters=tuple(loras))


def ours(path, *controls, **changes):
    return latents_of(wished(path, *controls, **changes))


def theirs(modules, network, kind=diffusers.ZImageControlNetPipeline, **asked):
    """The latents that diffusers' own pipeline ends with. Its guidance counts from the prompt's own answer."""
    pipe = z_image_pipeline(modules, kind, controlnet=network)
    return plain_latents(pipe, guidance_scale=2.0, negative_prompt="", **asked)


@pytest.mark.parametrize(("generation", "layout"), [*((each, "file") for each in GENERATIONS), ("2.1", "folder")])
def test_each_generation(tiny, tmp_path, generation, layout):
    """On 4 × 6 tokens, which are filled up to 32; the folder's says behind which one block it adds."""
    path, modules = tiny
    few = {"control_layers_places": [0]} if layout == "folder" else {}
    network = tiny_z_image_control(modules, generation, **few)
    file = write_z_image_control(tmp_path / "fun-union.safetensors", network, generation, layout)
    photo = PHOTO.resize((64, 96))
    got = ours(path, controlled(file, photo, strength=0.7), height=96)
    expected = theirs(modules, network, control_image=photo, controlnet_conditioning_scale=0.7, height=96)
    assert_same(got, expected, ours(path, height=96), within=1e-5)


def test_the_second_sees_what_is_kept_of_a_picture(tiny, tmp_path):
    """Alone, as its makers' pipeline has it; diffusers' sees a map besides, which it is kept from here."""
    path, modules = tiny
    network = tiny_z_image_control(modules, "2.1")
    file = write_z_image_control(tmp_path / "fun.safetensors", network)
    forward = network.forward

    def unmapped(latents, timestep, text, seen, **more):
        return forward(latents, timestep, text, [torch.cat([0 * each[:16], each[16:]]) for each in seen], **more)

    network.forward = unmapped
    asked = {"image": PHOTO, "mask_image": MASK, "control_image": PHOTO, "controlnet_conditioning_scale": 1.0}
    expected = theirs(modules, network, diffusers.ZImageControlNetInpaintPipeline, **asked)
    got = ours(path, controlled(file, HOLED, preprocess="inpaint"))
    assert_same(got, expected, ours(path), within=1e-5)


def test_a_mixed_crowd_is_made_again_bit_for_bit(tiny, tmp_path):
    """Plain, beside a LoRA, of two generations, a longer negative prompt, over a picture, in two passes: each alone, in
    a worker that has seen no other."""
    path, modules = tiny
    files = {
        each: write_z_image_control(tmp_path / f"{each}.safetensors", tiny_z_image_control(modules, each), each)
        for each in ("1.0", "2.1")
    }
    write_low_rank(tmp_path / "lora.safetensors", {"denoiser": modules.transformer}, 4, only="layers")
    lora, first = used(tmp_path / "lora.safetensors", "aaaa"), controlled(files["1.0"], PHOTO)
    second = controlled(files["2.1"], PHOTO.rotate(90), strength=0.5, start=0.5)
    asked = partial(wished, path, num_steps=3)
    wishes = [
        asked(job="plain"), asked(first, job="first"),
        asked(first, second, job="both", loras=[lora], seed=3),
        asked(first, job="sided", neg="a blurry dog beside a lake, in the evening, " * 4),
        asked(second, job="painted", img=PHOTO, mask=MASK, strength=0.7),
        asked(first, job="hires", hires=Hires(scale=1.5, strength=0.5)),
    ]  # fmt: skip
    crowd_made_again(wishes)


@pytest.mark.parametrize(
    ("generation", "blocks", "size"), [("1.0", 6, 3.1), ("2.0", 15, 5.9), ("2.1", 15, 6.71), ("2.1", 3, 2.0)]
)
def test_published_ones_are_told_by_their_headers(generation, blocks, size):
    """Of which these are all the names and shapes; `size` in GB of what is asked."""
    places = [number * 30 // blocks for number in range(blocks)]
    with torch.device("meta"):
        network = diffusers.ZImageControlNetModel(
            control_layers_places=places, control_refiner_layers_places=[0, 1], **GENERATIONS[generation]
        )
    shapes = {name: tuple(each.shape) for name, each in network.state_dict().items()}
    text, length = declared.header_json(shapes)
    identity = identify(parse_header(text, 8 + len(text) + length))
    assert (identity.kind, identity.family, identity.variant) == ("controlnet", "z-image", "")
    assert "z-image" in CONTROLS[""]
    assert 2 * sum(each.numel() for each in network.parameters()) / 1e9 == pytest.approx(size, abs=0.02)


def test_what_does_not_go_beside_it_is_refused(tiny, tmp_path):
    modules = tiny[1]
    own = modules.transformer
    state = tiny_z_image_control(modules, "2.1").state_dict()
    wide = diffusers.ZImageTransformer2DModel(**{**own.config, "dim": 96, "n_heads": 6, "n_kv_heads": 6})
    flat = diffusers.ZImageTransformer2DModel(**{**own.config, "n_layers": 1})
    embedder = "control_all_x_embedder.2-1.weight"
    foreign = {name: each for name, each in state.items() if name != embedder}
    lacking = {name: each for name, each in state.items() if name != "control_layers.1.after_proj.bias"}
    for tensors, beside, why in (
        (state, wide, "48 wide, and this model's is 96"), (state, flat, "2 blocks, and this model's network 1"),
        (state | {embedder: torch.ones(48, 80)}, own, "20 channels of a map, and 16"), (foreign, own, "of a kind"),
        (lacking, own, "lacks control_layers.1.after_proj.bias"),
    ):  # fmt: skip
        path = save(tmp_path / "fun.safetensors", tensors)
        with pytest.raises(UnusableModel, match=why):
            whole(ControlFile(Component(role="adapter", path=str(path)), "fun").bind(beside, home_of(own)))

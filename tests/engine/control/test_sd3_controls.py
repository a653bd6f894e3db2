"""Controls of Stable Diffusion 3 and 3.5: diffusers' own ControlNet pipelines, in every layout of their files; a crowd
beside them; and what isn't made for a model refused."""

import copy
import functools

import diffusers
import msgspec
import pytest
from diffusers.image_processor import VaeImageProcessor
from PIL import Image, ImageOps

from imagine.engine.jobs import controlling
from imagine.engine.loading.control_file import ControlFile
from imagine.engine.parts.slices import whole
from imagine.words.errors import Unsupported, UnusableModel
from imagine.words.model import Component
from imagine.words.recipe import Hires
from tests.control_files import controlled, home_of, tiny_controlnet, write_control
from tests.engine.adapters.low_rank import used, write_low_rank
from tests.engine.parity import STEPS, assert_same, plain_latents
from tests.engine.running import crowd_made_again, engine_of, latents_of, made, model_at, wish
from tests.sd3_files import sd3_pipeline, tiny_sd3, tiny_sd3_control, write_sd3, write_sd3_control

pytestmark = pytest.mark.usefixtures("one_thread", "no_chance")
SIZE = (96, 64)
ACROSS = Image.linear_gradient("L")
MAP = Image.radial_gradient("L").resize(SIZE).convert("RGB")
OTHER = Image.merge("RGB", [each.resize(SIZE) for each in (ACROSS.rotate(90), ACROSS, Image.radial_gradient("L"))])
MASK = Image.new("L", SIZE, 0)
MASK.paste(255, (16, 8, 56, 40))
ASKED = {"neg": "a dog", "width": SIZE[0], "height": SIZE[1], "num_steps": STEPS, "sampler": "euler", "guidance": 4.5}


class EdgesOfStability(VaeImageProcessor):
    """As the card of the published network for edges has it."""

    def __init__(self):
        super().__init__(do_normalize=False)

    def preprocess(self, image, **said):
        return super().preprocess(image, **said) * 255 * 0.5 + 0.5


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """(where it lies, its modules) of each kind, as one file."""
    folder, there = tmp_path_factory.mktemp("sd3"), {}

    def get(kind="3"):
        if kind not in there:
            modules = tiny_sd3(kind, blocks=4)
            there[kind] = write_sd3(folder / kind, modules, "all", t5=False), modules
        return there[kind]

    return get


@pytest.fixture
def plain(models, tmp_path):
    """The latents that diffusers' own pipeline ends with."""

    def latents(of, network, *, kind=diffusers.StableDiffusion3ControlNetPipeline, sees=None, **asked):
        pipe = sd3_pipeline(models(of)[1], tmp_path, kind, t5=False, controlnet=network)
        pipe.image_processor = sees or pipe.image_processor
        asked |= {"negative_prompt": "a dog", "guidance_scale": 4.5, "width": SIZE[0], "height": SIZE[1]}
        return plain_latents(pipe, **asked)

    return latents


def asked(path, *controls, job="a", **changes):
    one = wish(model_at(path), job, **ASKED | changes)
    params = msgspec.structs.replace(one.params, control=tuple(said for _, said in controls))
    return msgspec.structs.replace(one, params=params, controls=tuple(use for use, _ in controls))


def ours(path, *controls):
    return latents_of(asked(path, *controls))


@pytest.fixture(scope="module")
def without(models):
    """Its latents without a control."""
    return functools.cache(lambda kind: ours(models(kind)[0]))


@pytest.mark.parametrize(
    ("kind", "layout", "told"),
    [
        ("3", "diffusers", {}), ("3.5 medium", "folder", {}),
        ("3", "folder", {"force_zeros_for_pooled_projection": False}),
    ],
)  # fmt: skip
def test_one_that_sees_the_text(models, plain, without, tmp_path, kind, layout, told):
    path, modules = models(kind)
    network = tiny_sd3_control(modules, **told)
    file = write_sd3_control(tmp_path / "edges.safetensors", network, layout)
    expected = plain(kind, network, control_image=MAP, controlnet_conditioning_scale=0.8)
    assert_same(ours(path, controlled(file, MAP, strength=0.8)), expected, without(kind), within=1e-5)


@pytest.mark.parametrize(
    ("name", "layout", "number", "turned", "sees"),
    [
        ("a.safetensors", "stability", 0, False, None), ("a.safetensors", "stability", 1, False, EdgesOfStability()),
        ("a.safetensors", "stability", 2, True, None),
        ("for-depth/diffusion_pytorch_model.safetensors", "diffusers", None, True, None),
        ("sd35-canny", "folder", None, False, EdgesOfStability()),
    ],
    ids=["blur", "canny", "depth", "depth, converted", "canny, converted"],
)  # fmt: skip
def test_stabilitys_sees_maps_as_it_was_trained_to(
    models, plain, without, tmp_path, name, layout, number, turned, sees
):
    path, modules = models("3.5 large")
    network = tiny_sd3_control(modules, text=False)
    file = write_sd3_control(tmp_path / name, network, layout, maps=number)
    expected = plain("3.5 large", network, control_image=ImageOps.invert(MAP) if turned else MAP, sees=sees)
    assert_same(ours(path, controlled(file, MAP)), expected, without("3.5 large"), within=1e-5)


def test_one_with_the_denoisers_places_is_there_once_for_each_denoiser(models, tmp_path):
    modules = models("3.5 large")[1]
    one, other = modules.transformer, copy.deepcopy(modules.transformer)
    path = write_sd3_control(tmp_path / "a.safetensors", tiny_sd3_control(modules, text=False), "stability", maps=0)
    file = ControlFile(Component(role="adapter", path=str(path)), "blur")
    first, again, third = (whole(file.bind(each, home_of(each))) for each in (one, one, other))
    assert first is again
    assert first is not third


def test_one_that_paints_is_told_where(models, plain, tmp_path, monkeypatch):
    """Beside no picture that is blended with, as diffusers' own: so of a map that has holes already."""
    monkeypatch.setattr(controlling, "flattened", lambda picture: picture)
    path, modules = models("3")
    network = tiny_sd3_control(modules, masked=True)
    file = write_sd3_control(tmp_path / "inpaint.safetensors", network)
    holed = OTHER.copy()
    holed.putalpha(ImageOps.invert(MASK))
    kind = diffusers.StableDiffusion3ControlNetInpaintingPipeline
    expected = plain("3", network, kind=kind, control_image=OTHER, control_mask=MASK)
    assert_same(ours(path, controlled(file, holed)), expected, ours(path, controlled(file, OTHER)), within=1e-5)


def test_two_each_in_its_part_of_the_steps(models, plain, without, tmp_path):
    path, modules = models("3")
    networks = [tiny_sd3_control(modules, 1), tiny_sd3_control(modules, 2)]
    files = [write_sd3_control(tmp_path / f"{i}.safetensors", each) for i, each in enumerate(networks)]
    got = ours(
        path, controlled(files[0], MAP, strength=1.2, end=0.7), controlled(files[1], OTHER, strength=0.5, start=0.3)
    )
    expected = plain(
        "3", networks, control_image=[MAP, OTHER], controlnet_conditioning_scale=[1.2, 0.5],
        control_guidance_start=[0.0, 0.3], control_guidance_end=[0.7, 1.0],
    )  # fmt: skip
    assert_same(got, expected, without("3"), within=1e-5)


def test_a_crowd_is_made_again_one_by_one(models, tmp_path):
    """Plain, LoRA, controls of both layouts, over a picture, in two passes."""
    path, modules = models("3.5 large")
    text = write_sd3_control(tmp_path / "text.safetensors", tiny_sd3_control(modules))
    depth = write_sd3_control(tmp_path / "d.safetensors", tiny_sd3_control(modules, 2, text=False), "stability", maps=2)
    hole = write_sd3_control(tmp_path / "hole.safetensors", tiny_sd3_control(modules, 3, masked=True))
    write_low_rank(tmp_path / "lora.safetensors", {"denoiser": modules.transformer}, 4, only="attn")
    lora = (used(tmp_path / "lora.safetensors", "aaaa"),)
    painted = {"img": OTHER, "mask": MASK, "strength": 0.7}
    wishes = [
        asked(path, job="plain", num_steps=7),
        msgspec.structs.replace(asked(path, job="lora", num_steps=7), adapters=lora),
        asked(path, controlled(text, MAP), job="text", num_steps=7, guidance=1.0),
        msgspec.structs.replace(
            asked(path, controlled(text, MAP, start=0.3, end=0.8), controlled(depth, OTHER), job="two", num_steps=7),
            adapters=lora,
        ),
        asked(path, controlled(hole, OTHER, preprocess="inpaint"), job="painted", num_steps=7, **painted),
        asked(path, controlled(depth, MAP, strength=0.5), job="hires", hires=Hires(scale=1.25, strength=0.5)),
    ]
    crowd_made_again(wishes)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"attention_head_dim": 32}, "a network that is 128 wide, and this model's is 64"),
        ({"joint_attention_dim": 32}, "text of 32 numbers, and this model's is of 96"),
        ({"pooled_projection_dim": 64}, "text of 64 numbers, and this model's is of 80"),
        ({"blocks": 5}, "5 blocks, and this model's network 4"),
        ({"extra_conditioning_channels": 2}, "it sees 18 channels of a map, and 16 are"),
        ({"pos_embed_max_size": 4}, "places for at most 64"),
    ],
    ids=["width", "text", "pooled", "blocks", "channels", "places"],
)  # fmt: skip
def test_what_is_made_for_another_is_refused(models, tmp_path, changes, why):
    path, modules = models("3.5 large")
    file = write_sd3_control(tmp_path / "edges.safetensors", tiny_sd3_control(modules, **changes))
    with pytest.raises((UnusableModel, Unsupported), match=why) as refused:
        made(engine_of(), asked(path, controlled(file, MAP)))
    assert refused.value.field == "control"


def test_files_of_other_kinds_are_refused_by_it(models, checkpoints, tmp_path):
    path, modules = models("3.5 large")
    unet = tiny_controlnet(checkpoints("stable_diffusion")[1].unet)
    odd = tiny_sd3_control(modules, text=False)
    for file in (
        write_control(tmp_path / "unet.safetensors", unet),
        write_sd3_control(tmp_path / "odd.safetensors", odd, "stability", maps=7),
    ):
        with pytest.raises(UnusableModel, match="is of a kind that can't be used here"):
            made(engine_of(), asked(path, controlled(file, MAP)))
    own = write_sd3_control(tmp_path / "own.safetensors", tiny_sd3_control(modules))
    with pytest.raises(UnusableModel, match="'own' can't be used"):
        made(engine_of(), asked(checkpoints("stable_diffusion")[0], controlled(own, MAP)))
